"""A random network adversary: what the policy sees, turned by a random network into actions and into forces on bodies."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ashore.configs.laws import rng
from ashore.sim.drive.command import ActionPath
from ashore.sim.engine.world import World

HIDDEN = (265, 265, 265)  # units, arXiv 1910.07113, appendix B.3
SHARPNESS = 2.0  # the outputs before their tanh are about normal; with this, six in ten of them are beyond 0.8


class Adversary:
    """arXiv 1910.07113, appendix B.3: a = (1 - alpha) a_policy + alpha a_random, where a_random comes from a network of three
    ReLU layers of 265 units with random weights, new ones each episode.

    A network for each world would be 150 thousand numbers to draw at a reset and to read at every step. All worlds share one
    set of Gaussian weights here, and an episode draws a sign for each input and hidden unit: with W its weights, the network of
    an episode has W diag(signs). Gaussian weights are as likely as the same with any signs changed, so each episode's network
    by itself is distributed as a freshly drawn one, and 2^(inputs + 795) of them can occur; only the sizes of the weights
    are shared. (arXiv 2210.13702 shares the weights as well and draws dropout masks, which thin the network.)

    Further from the paper: outputs are tanh of sums, not samples of 31 bins; the input is the policy's observation, scaled to
    unit mean square in each world, and a constant. The action acts on the command's way to the robot, behind the policy's
    memory of its targets: the setpoint moves by (1 - alpha) of what the policy's target does and by alpha of what the
    random action's does.
    """

    def __init__(self, world: World, command: ActionPath, inputs: int, actions: int) -> None:
        """inputs: values that the policy sees; actions: those that it gives."""
        n, model = world.num_worlds, world.model
        self.share = torch.zeros(n, model.nu)  # alpha
        self.acts = False  # set once an effect drives `share`
        self.wrench = torch.zeros(n, model.nbody, 6, dtype=torch.float64)  # N, N*m: the most of each component
        self.pushed: list[int] = []  # bodies that effects push, in order
        self._command, self._inputs, self._actions = command, inputs, actions
        self._everyone = torch.arange(n)
        self._layers: list[Tensor] = []
        self._signs: list[Tensor] = []
        self._words = np.zeros((n, 0), np.uint32)
        self._target = torch.zeros(n, model.nu)  # where random actions alone would have led

    @property
    def used(self) -> bool:
        return self.acts or bool(self.pushed)

    @property
    def num_episode_uniforms(self) -> int:
        """Random words that a world's episode takes: one bit a sign."""
        return -(-(self._inputs + 1 + sum(HIDDEN)) // 32) if self.used else 0

    def restart(self, ids: Tensor, measured: Tensor, bits: NDArray[np.uint32]) -> None:
        """Another network in these worlds, whose targets start where the policy's do: measured [k, joints] rad, none where
        actions are not targets. bits: random words [k, num_episode_uniforms]."""
        self._take_signs(ids, bits)
        if measured.shape[1]:
            self._target.index_copy_(0, ids, measured)

    def answer(self, seen: Tensor) -> Tensor:
        """What the actor sees, [N, inputs] -> in [-1, 1]: actions, then force and torque of each pushed body, [N, outputs]."""
        scale = seen.square().mean(1, keepdim=True).add_(1e-6).rsqrt_()
        x = torch.cat((seen * scale, torch.ones_like(scale)), 1).mul_(self._signs[0])
        for weight, signs in zip(self._layers[:-1], self._signs[1:], strict=True):
            x = (x @ weight).relu_().mul_(signs)
        return (x @ self._layers[-1]).tanh_()

    def mix(self, ctrl: Tensor, answer: Tensor) -> Tensor:
        """(1 - alpha) of what the policy asks the actuators for and alpha of what the network does: [N, nu]."""
        if not self.acts:
            return ctrl
        asked, self._target = self._command.answer(answer[:, : self._actions], self._target)
        return torch.lerp(ctrl, asked, self.share)

    def wrenches(self, answer: Tensor) -> Tensor | None:
        """Force and torque on each pushed body, [N, pushed, 6]; None where there is none."""
        if not self.pushed:
            return None
        return answer[:, -6 * len(self.pushed) :].unflatten(1, (-1, 6)) * self.wrench[:, self.pushed]

    def _build(self) -> None:
        """The shared weights: normal with variance 2 / inputs (He et al., arXiv 1502.01852), the same for every seed."""
        sizes = (self._inputs + 1, *HIDDEN, self._actions * self.acts + 6 * len(self.pushed))
        for layer, (fan_in, fan_out) in enumerate(itertools.pairwise(sizes)):
            index = np.arange(fan_in)
            bits = rng.words(0, rng.ADVERSARY, index, index * 0 + layer, None, fan_out + fan_out % 2)
            last = layer == len(HIDDEN)
            std = SHARPNESS / fan_in**0.5 if last else (2.0 / fan_in) ** 0.5
            self._layers.append(torch.from_numpy(rng.normal(bits)[:, :fan_out].copy()).mul_(std))
        self._words = np.zeros((len(self._everyone), self.num_episode_uniforms), np.uint32)
        self._signs = [torch.ones(len(self._everyone), size) for size in sizes[:-1]]

    def _take_signs(self, ids: Tensor, bits: NDArray[np.uint32]) -> None:
        if not self._layers:
            self._build()
        self._words[ids.numpy()] = bits
        words = np.ascontiguousarray(bits, dtype="<u4")
        signs = torch.from_numpy(np.unpackbits(words.view(np.uint8), axis=1)).float().mul_(2.0).sub_(1.0)
        start = 0
        for held in self._signs:
            held.index_copy_(0, ids, signs[:, start : start + held.shape[1]])
            start += held.shape[1]

    def state_dict(self) -> dict[str, Any]:
        return {"words": self._words.copy(), "target": self._target.clone()} if self.used else {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        if state:
            self._take_signs(self._everyone, state["words"])
            self._target = state["target"].clone()
