"""Linear layers by oneDNN on CPUs: torch's own go through MKL, which keeps processors of other makers to half their width.

Measured on an AMD EPYC with AVX-512, one core: 1536 x 256 times 256 x 128 at 95 GFLOP/s by MKL, 216 by oneDNN; both float32.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional


class _OneDNN(torch.autograd.Function):
    """x [B, in], weight [out, in], bias [out] or none -> [B, out]. Its gradients are products of the same kind, so that
    they have gradients too."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        ctx.save_for_backward(x, weight)
        ctx.biased = bias is not None
        return _product(x, weight, bias)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        (grad,), (x, weight), needed = grads, ctx.saved_tensors, ctx.needs_input_grad
        return (
            linear(grad, weight.t()) if needed[0] else None,
            linear(x.t(), grad.t()).t() if needed[1] else None,  # the faster way round
            grad.sum(0) if ctx.biased and needed[2] else None,
        )


def _product(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """With no activation after it: the operator's other arguments."""
    out: Tensor = torch.ops.mkldnn._linear_pointwise(x, weight, bias, "none", [], "")
    return out


def available() -> bool:
    """Whether this build of torch has the operator."""
    return torch.backends.mkldnn.is_available() and hasattr(torch.ops.mkldnn, "_linear_pointwise")


AVAILABLE = available()
SMALLEST = 2**20  # multiplications in a product; for fewer, calling the operator takes longer than MKL does


def linear(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """x [..., in] times weight [out, in], transposed, plus bias [out]: as `torch.nn.functional.linear`."""
    usual = x.device.type == "cpu" and x.dtype == weight.dtype == torch.float32
    if not (AVAILABLE and usual and x.numel() * len(weight) >= SMALLEST):
        return functional.linear(x, weight, bias)
    rows = x if x.dim() == 2 else x.reshape(-1, x.shape[-1])
    product = _OneDNN.apply if torch.is_grad_enabled() else _product
    y: Tensor = product(rows, weight, bias)
    return y if x.dim() == 2 else y.view(*x.shape[:-1], len(weight))


class Linear(nn.Linear):
    """torch's layer, its product by `linear`."""

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002, its name in torch
        return linear(input, self.weight, self.bias)
