"""What the world does to the robot and its objects: velocity kicks, pulses of force and torque, an adversary's forces."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ashore.configs.laws import rng
from ashore.sim.drive.adversary import Adversary
from ashore.sim.engine.world import World

Floats = NDArray[np.float64]
Ids = NDArray[np.int64]
Words = NDArray[np.uint32]
# More random words of these worlds' present step, [k, count]: taken only where something happens.
More = Callable[[Ids, int], Words]
MOMENT = 1e-9  # s, less than which is a rounding error


@dataclass(frozen=True)
class Kick:
    """One entry's kicks. joint: each degree of freedom by itself; else two a body, of which one is struck horizontally."""

    dofs: Ids  # [n], or [n, 2] of the bodies
    magnitude: Tensor  # [N]

    @property
    def num_uniforms(self) -> int:
        return len(self.dofs) if self.dofs.ndim == 1 else 2

    def strike(self, world: World, ids: Ids, u: Floats) -> None:
        """Add to the velocities of these worlds; u [k, num_uniforms] uniform numbers."""
        qvel, size = world.qvel.numpy(), self.magnitude.numpy()[ids, None]
        if self.dofs.ndim == 1:
            qvel[ids[:, None], self.dofs] += size * (2.0 * u - 1.0)
            return
        angle = 2.0 * np.pi * u[:, 1]
        dofs = self.dofs[(u[:, 0] * len(self.dofs)).astype(np.int64)]
        qvel[ids[:, None], dofs] += size * np.stack((np.cos(angle), np.sin(angle)), 1)


class Pulse:
    """One entry's pulses: a force, or a torque, on one of its bodies at a time in each world."""

    num_uniforms = 3

    def __init__(self, bodies: Ids, part: slice, duration: float, num_worlds: int) -> None:
        """part: of the body's wrench, force 0:3 or torque 3:6; duration: s."""
        self.bodies, self.part, self.duration = bodies, part, duration
        self.magnitude = torch.zeros(num_worlds, dtype=torch.float64)
        self.wrench = np.zeros((num_worlds, 6))  # what acts while the pulse lasts
        self.body = np.zeros(num_worlds, np.int64)  # and on which
        self.left = np.zeros(num_worlds)  # s that it goes on

    def strike(self, world: World, ids: Ids, u: Floats) -> None:
        """Begin a pulse in these worlds, in the place of one that may still act; u [k, num_uniforms] uniform numbers."""
        height, angle = 2.0 * u[:, 1] - 1.0, 2.0 * np.pi * u[:, 2]
        flat = np.sqrt(1.0 - height * height)
        direction = np.stack((flat * np.cos(angle), flat * np.sin(angle), height), 1)
        self.wrench[ids, self.part] = direction * self.magnitude.numpy()[ids, None]
        self.body[ids] = self.bodies[(u[:, 0] * len(self.bodies)).astype(np.int64)]
        self.left[ids] = self.duration


class Disturbance:
    """All disturbances of all worlds. They act from the beginning of a control period on and are the same over all of it.

    Kicks and pulses come with probability dt / interval in each period, whatever came before. A pulse that ends within a
    period acts over all of it with so much less force: what it does to a momentum is exact for any duration. Only a few worlds
    are struck or pushed at a time, and such small arrays are numpy's, whose operations cost a third of torch's.
    """

    def __init__(self, world: World, dt: float, adversary: Adversary) -> None:
        """dt: s, a control period."""
        self.world, self.dt, self.adversary = world, dt, adversary
        self.sources: list[Kick | Pulse] = []
        self._chance = np.zeros(0, np.float32)  # of each source in one period
        self._pulses: list[Pulse] = []
        self._forces = world.xfrc_applied.numpy()
        self._acting: list[tuple[Ids, Ids]] = []  # worlds and bodies that pulses act on
        self._everywhere = False  # whether an adversary's forces stand in the engine

    def kick(self, dofs: list[int] | list[list[int]], interval: float) -> Tensor:
        """Have these degrees of freedom, or pairs of them, kicked. Gives the magnitudes to write: [N] m/s, rad/s."""
        kick = Kick(np.array(dofs), torch.zeros(self.world.num_worlds, dtype=torch.float64))
        self._add(kick, interval)
        return kick.magnitude

    def pulse(self, bodies: list[int], part: slice, interval: float, duration: float) -> Tensor:
        """Have these bodies pushed (part 0:3) or turned (3:6). Gives the magnitudes to write: [N] N, N*m."""
        pulse = Pulse(np.array(bodies), part, duration, self.world.num_worlds)
        self._pulses.append(pulse)
        self._add(pulse, interval)
        return pulse.magnitude

    def _add(self, source: Kick | Pulse, interval: float) -> None:
        self.sources.append(source)
        self._chance = np.append(self._chance, np.float32(min(1.0, self.dt / interval)))

    @property
    def used(self) -> bool:
        return bool(self.sources) or self.adversary.used

    @property
    def num_uniforms(self) -> int:
        """Random words that a world's step takes."""
        return len(self.sources)

    @property
    def num_episode_uniforms(self) -> int:
        """Random words that a world's episode takes."""
        return self.adversary.num_episode_uniforms

    def restart(self, ids: Tensor, measured: Tensor, bits: Words) -> None:
        """Begin anew in these worlds: nothing acts on them. measured: joint positions [k, joints] rad, none where targets are
        not theirs; bits: random words [k, num_episode_uniforms]."""
        for pulse in self._pulses:
            pulse.left[ids.numpy()] = 0.0
        if self.used:
            self._forces[ids.numpy()] = 0.0
        if self.adversary.used:
            self.adversary.restart(ids, measured, bits)

    def act(self, ctrl: Tensor, seen: Tensor, bits: Words, more: More) -> Tensor:
        """Do to the worlds what the period that begins has in store; gives what becomes of the controls, [N, nu].

        seen: what the policy sees, [N, inputs]; bits: random words [N, num_uniforms].
        """
        if not self.adversary.used:
            self.strike(bits, more)
            return ctrl
        answer = self.adversary.answer(seen)
        self.strike(bits, more, self.adversary.wrenches(answer))
        return self.adversary.mix(ctrl, answer)

    def strike(self, bits: Words, more: More, wrenches: Tensor | None = None) -> None:
        """Kicks and pulses, and beside them the adversary's wrenches [N, pushed bodies, 6], if it pushes any."""
        self._begin(bits, more)
        if self._everywhere:
            self._forces.fill(0.0)
        for acted_on in self._acting:
            self._forces[acted_on] = 0.0
        if wrenches is not None:
            self.world.xfrc_applied[:, self.adversary.pushed] = wrenches
        self._everywhere, self._acting = wrenches is not None, []
        for pulse in self._pulses:
            ids = pulse.left.nonzero()[0]
            if len(ids):
                left, place = pulse.left[ids], (ids, pulse.body[ids])
                self._forces[place] += pulse.wrench[ids] * np.minimum(left / self.dt, 1.0)[:, None]
                pulse.left[ids] = np.where(left > self.dt + MOMENT, left - self.dt, 0.0)
                self._acting.append(place)

    def _begin(self, bits: Words, more: More) -> None:
        """Kick, and start pulses, in the worlds whose turn it is."""
        worlds, which = (rng.uniform(bits) < self._chance).nonzero()
        if not len(worlds):
            return
        count = max(s.num_uniforms for s in self.sources)
        words = more(worlds, count * len(self.sources)).reshape(len(worlds), len(self.sources), count)
        u = rng.uniform(words[np.arange(len(worlds)), which]).astype(np.float64)
        for k in np.unique(which).tolist():
            struck, source = which == k, self.sources[k]
            source.strike(self.world, worlds[struck], u[struck, : source.num_uniforms])

    def state_dict(self) -> dict[str, Any]:
        """What it remembers; magnitudes are the randomizer's to restore, forces that act now the engine's."""
        pulses = [{k: getattr(p, k).copy() for k in ("wrench", "body", "left")} for p in self._pulses]
        return {"pulses": pulses, "adversary": self.adversary.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        for pulse, held in zip(self._pulses, state["pulses"], strict=True):
            for name, values in held.items():
                getattr(pulse, name)[:] = values
        self.adversary.load_state_dict(state["adversary"])
        self._everywhere = self.used  # what acts now is wherever it may be
