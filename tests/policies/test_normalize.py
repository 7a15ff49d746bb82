"""The normalizer against numpy."""

from __future__ import annotations

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from ashore.policies.normalize import Normalizer


@given(st.lists(st.integers(1, 40), min_size=1, max_size=6), st.integers(0, 2**32 - 1))
def test_statistics_of_batches_are_those_of_all_rows(sizes: list[int], seed: int) -> None:
    random = np.random.default_rng(seed)
    rows = [(1000 + random.normal(size=(size, 3)) * [0.1, 1, 100]).astype(np.float32) for size in sizes]
    normalizer = Normalizer(3)
    for batch in rows:
        normalizer.update(torch.from_numpy(batch))
    everything = np.concatenate(rows).astype(np.float64)
    np.testing.assert_allclose(normalizer.mean.numpy(), everything.mean(0), rtol=1e-12)
    np.testing.assert_allclose(normalizer.std.numpy(), everything.std(0).clip(1e-3), rtol=1e-6)


def test_output_is_float32_centred_scaled_and_clipped() -> None:
    normalizer = Normalizer(1)
    assert torch.equal(normalizer(torch.tensor([[3.0]])), torch.tensor([[3.0]]))
    normalizer.update(torch.tensor([[1.0], [5.0]]))  # mean 3, standard deviation 2
    out = normalizer(torch.tensor([[3.0], [7.0], [1000.0], [-1000.0]]))
    assert out.dtype == torch.float32
    assert out[:, 0].tolist() == [0.0, 2.0, 10.0, -10.0]
    assert normalizer.inverse(torch.tensor([2.0])).item() == 7.0


def test_a_component_that_never_moved_stays_calm_when_it_first_does() -> None:
    normalizer = Normalizer(1)
    normalizer.update(torch.full((100, 1), 0.5))
    assert abs(float(normalizer(torch.tensor([[0.501]]))) - 1.0) < 1e-3


def test_frozen_does_not_learn() -> None:
    normalizer = Normalizer(2)
    normalizer.update(torch.randn(10, 2))
    before = {name: x.clone() for name, x in normalizer.state_dict().items()}
    normalizer.frozen = True
    normalizer.update(torch.randn(10, 2))
    assert all(torch.equal(x, before[name]) for name, x in normalizer.state_dict().items())
