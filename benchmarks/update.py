"""`ashore bench update`: how fast a learner's gradient updates are, beside matrix products of the same shapes."""

from __future__ import annotations

import os
import statistics
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from ashore.benchmarks.peers.training import Ours, Time
from ashore.benchmarks.suite import machine
from ashore.configs.loader import load_run
from ashore.configs.malloc import keep_freed_memory
from ashore.files import commit
from ashore.policies.networks import Critics
from ashore.policies.off_policy.learner import OffPolicy
from ashore.policies.on_policy.ppo import PPO
from ashore.policies.process import reproducible

TURNS = 9
BATCHES = 16  # of an update from a replay
Shape = tuple[int, int, int]  # rows, in, out


def bench_update(task: str, algorithm: str | None, threads: int | None, command: str) -> dict[str, Any]:
    """Rows per second of updates, by turns with the sgemm of torch (MKL on most builds) at their shapes; medians.

    `share` is the products' time over the update's, that of the process on all cores under `_cpu`: 1 if an update did nothing
    but these products. It can be above 1, for our layers need not go through the same library.
    """
    chosen = [f"train.algorithm={algorithm}"] if algorithm else []
    run = load_run(task, [*chosen, f"train.torch_threads={threads}"] if threads else chosen)
    keep_freed_memory()
    ours = Ours(run)
    while ours.updates == 0:
        ours.advance()
    update, rows = _update(ours)
    products = products_of(ours.learner)
    with reproducible(run.train.torch_threads):
        pairs = [(timed(update), timed(lambda: multiply(products))) for _ in range(TURNS + 1)]
    updates = rows / products[0][0][0]  # in a turn
    shares = [(bound.wall * updates / took.wall, bound.cpu * updates / took.cpu) for took, bound in pairs[1:]]
    return {
        "task": task,
        "algorithm": run.train.algorithm.kind,
        "torch_threads": run.train.torch_threads,
        "rows_per_second": round(statistics.median(rows / took.wall for took, _ in pairs[1:])),
        "rows_per_second_cpu": round(statistics.median(rows / took.cpu for took, _ in pairs[1:])),
        "share": round(statistics.median(share for share, _ in shares), 3),
        "share_cpu": round(statistics.median(share for _, share in shares), 3),
        "machine": machine(),
        "commit": commit(),
        "command": command,
        "load_average": os.getloadavg()[0],
    }


def timed(function: Callable[[], Any]) -> Time:
    start = Time.now()
    function()
    return Time.now().since(start)


def _update(ours: Ours) -> tuple[Callable[[], Any], int]:
    """One turn's updates of a learner that has collected, and the rows they go through."""
    learner = ours.learner
    if isinstance(learner, PPO):
        batch = learner.batch(learner.rollout, ours.env.observation)
        s = learner.settings
        return lambda: learner.update(batch), s.epochs * s.rollout_steps * ours.env.num_envs
    assert isinstance(learner, OffPolicy)
    batches = learner._batches(BATCHES)
    return lambda: [learner.update(batch) for batch in batches], BATCHES * learner.settings.batch_size


def products_of(learner: Any) -> list[tuple[Shape, str]]:
    """Shapes of the products of one update, and which: y, dW or dx."""
    if isinstance(learner, PPO):
        rows = min(learner.settings.minibatch_size, learner.rollout.reward.numel())
        nets = (layers_of(learner.actor), layers_of(learner.critic))
        return [product for net in nets for product in passed(rows, net, "y", "dW", "dx")]
    rows = learner.settings.batch_size
    actor, critics = layers_of(learner.actor), layers_of(learner.critics)
    of_actor = [*passed(rows, actor, "y"), *passed(rows, actor, "y", "dW", "dx")]
    targets, learned = passed(rows, critics, "y"), passed(rows, critics, "y", "dW", "dx")
    through = [*passed(rows, critics, "y"), *(((rows, i, o), "dx") for i, o in critics)]
    return [*of_actor, *(learner.critics.count * [*targets, *learned, *through])]


def passed(rows: int, layers: Sequence[tuple[int, int]], *which: str) -> list[tuple[Shape, str]]:
    """Products of a pass; the first layer's dx is not needed."""
    return [((rows, i, o), w) for k, (i, o) in enumerate(layers) for w in which if w != "dx" or k]


def layers_of(module: nn.Module) -> list[tuple[int, int]]:
    """(in, out) of its layers; of one of several critics."""
    if isinstance(module, Critics):
        return [(w.shape[1], w.shape[2]) for w in module.weights]
    return [(layer.in_features, layer.out_features) for layer in module.modules() if isinstance(layer, nn.Linear)]


def multiply(products: Sequence[tuple[Shape, str]]) -> None:
    """Each product once, into memory that is there already."""
    for (rows, inputs, outputs), which in products:
        x, w, y = _operands(rows, inputs, outputs)
        if which == "y":
            torch.mm(x, w.t(), out=y)
        elif which == "dx":
            torch.mm(y, w, out=x)
        else:
            torch.mm(y.t(), x, out=w)


_made: dict[Shape, tuple[Tensor, Tensor, Tensor]] = {}


def _operands(rows: int, inputs: int, outputs: int) -> tuple[Tensor, Tensor, Tensor]:
    shape = (rows, inputs, outputs)
    if shape not in _made:
        _made[shape] = (torch.zeros(rows, inputs), torch.zeros(outputs, inputs), torch.zeros(rows, outputs))
    return _made[shape]
