"""Layers by oneDNN: the same numbers as torch's own, and the same gradients, of both orders."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from ashore.policies import linear as module
from ashore.policies.linear import Linear, linear


@pytest.fixture
def operands(monkeypatch: pytest.MonkeyPatch) -> tuple[Tensor, Tensor, Tensor]:
    if not module.AVAILABLE:
        pytest.skip("this build of torch has no oneDNN")
    monkeypatch.setattr(module, "SMALLEST", 0)
    generator = torch.Generator().manual_seed(0)
    shapes = ((4, 3, 6), (5, 6), (5,))
    x, weight, bias = (torch.randn(shape, generator=generator).requires_grad_() for shape in shapes)
    return x, weight, bias


def test_values_and_gradients_are_those_of_torchs_own_layer(operands: tuple[Tensor, Tensor, Tensor]) -> None:
    seen = []
    for function in (functional.linear, linear):
        y = function(*operands)
        seen.append((y, *torch.autograd.grad(y.sin().sum(), operands)))
    torch.testing.assert_close(seen[1], seen[0])
    x, weight, bias = operands
    assert "OneDNN" in str(linear(x[0], weight, bias).grad_fn)


def test_gradients_have_gradients(operands: tuple[Tensor, Tensor, Tensor]) -> None:
    seen = []
    for function in (functional.linear, linear):
        first = torch.autograd.grad(function(*operands).sin().sum(), operands, create_graph=True)
        size = torch.stack([x.square().sum() for x in first]).sum()
        seen.append(torch.autograd.grad(size, operands))
    torch.testing.assert_close(seen[1], seen[0], rtol=1e-4, atol=1e-3)


def test_without_gradients_the_values_are_the_same_bits(operands: tuple[Tensor, Tensor, Tensor]) -> None:
    with torch.no_grad():
        bare = linear(*operands)
    assert torch.equal(bare, linear(*operands))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_small_products_and_other_types_go_torchs_own_way(dtype: torch.dtype) -> None:
    layer = Linear(6, 5).to(dtype)
    x = torch.ones(3, 6, dtype=dtype)
    assert torch.equal(layer(x), functional.linear(x, layer.weight, layer.bias))
