"""A second thread beside the caller: who computes what, and that PPO learns the same without it."""

from __future__ import annotations

import threading

import pytest
import torch

from ashore.configs.algorithms import PPOSettings
from ashore.policies.on_policy.ppo import PPO
from ashore.policies.process import torch_threads, two_threads
from tests.policies.double_integrator import DoubleIntegrator


def where() -> tuple[int, int]:
    return threading.get_ident(), torch.get_num_threads()


@pytest.mark.parametrize(("threads", "each"), [(1, 1), (2, 1), (4, 2)])
def test_each_thread_has_half_of_torchs_threads(threads: int, each: int) -> None:
    with torch_threads(threads):
        with two_threads() as start:
            other, count = start(where)()
            assert (torch.get_num_threads(), count) == (each, each)
            assert (other == threading.get_ident()) == (threads == 1)
        assert torch.get_num_threads() == threads


@pytest.mark.parametrize("threads", [1, 2])
def test_an_error_in_the_second_thread_is_raised_in_the_first(threads: int) -> None:
    with torch_threads(threads), two_threads() as start, pytest.raises(ZeroDivisionError):
        start(lambda: 1 / 0)()


def learned(threads: int) -> list[torch.Tensor]:
    env = DoubleIntegrator(64)
    with torch_threads(1):
        learner = PPO(PPOSettings(epochs=2, minibatch_size=512), env, 0)
    learner.observe(env.observation)
    with torch_threads(threads):
        learner.improve(env)
        learner.improve(env)
    return [x.detach() for name in ("actor", "critic") for x in getattr(learner, name).parameters()]


def test_ppo_learns_the_same_bits_with_and_without_it() -> None:
    assert all(torch.equal(a, b) for a, b in zip(learned(1), learned(2), strict=True))
