"""The last steps of N worlds, in storage allocated once: what an off-policy algorithm learns from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from ashore.policies.checkpoint import CheckpointError, Part
from ashore.policies.vector import Observation

CHUNKS = 32  # files that a checkpoint splits the storage into


class Batch(NamedTuple):
    """Steps drawn from a replay, and what each led to after n of them. Observations are raw."""

    actor: Tensor  # [B, h, n], the last h observations of the episode, the present one last
    critic: Tensor  # [B, m]
    action: Tensor  # [B, a], or choices [B]
    reward: Tensor  # [B], the discounted sum of up to n rewards
    discount: Tensor  # [B], of the value of what follows: discount^n, and 0 where the episode terminated
    next_actor: Tensor  # [B, h, n]
    next_critic: Tensor  # [B, m]

    def split(self, size: int) -> list[Batch]:
        return [Batch(*parts) for parts in zip(*(x.split(size) for x in self), strict=True)]


class Replay:
    """A ring of slots for each world, [slots, N, ...].

    A slot holds what a world showed, what was done there and what came of it; what it led to is in the world's next slot. Where
    a time limit ended an episode, its last observation has a slot of its own, in which nothing was done. So no observation is
    stored twice, and each world's newest slot is what it shows now.
    """

    def __init__(
        self,
        size: int,
        num_envs: int,
        sizes: Mapping[str, int],
        action_size: int,
        device: torch.device | str = "cpu",
        *,
        discrete: bool = False,
        history: int = 1,
        dtype: torch.dtype = torch.float32,
    ) -> None:
        """size: steps over all worlds; history: observations of an actor that sees its last ones; dtype: of observations."""
        self.slots = max(-(-size // num_envs), 4) + history
        self.history, self.num_envs, self.device = history, num_envs, torch.device(device)

        def empty(*shape: int, dtype: torch.dtype = torch.float32) -> Tensor:
            return torch.zeros(self.slots, num_envs, *shape, dtype=dtype, device=device)

        self.arrays = {
            "actor": empty(sizes["actor"], dtype=dtype),
            "critic": empty(sizes["critic"], dtype=dtype),
            "action": empty(dtype=torch.int64) if discrete else empty(action_size),
            "reward": empty(),
            "terminated": empty(dtype=torch.bool),
            "ended": empty(dtype=torch.bool),
            "acted": empty(dtype=torch.bool),
            "age": empty(dtype=torch.int32),  # steps since the episode began
        }
        self.flat = {name: x.flatten(0, 1) for name, x in self.arrays.items()}
        self.worlds = torch.arange(num_envs, device=device)
        self.head = torch.zeros(num_envs, dtype=torch.int64, device=device)  # slots filled before the present one, ever
        self.records = 0
        self.chunk = -(-self.slots // CHUNKS)  # slots of a checkpoint's file
        self.changed = torch.zeros(
            -(-self.slots // self.chunk), dtype=torch.int64
        )  # `records` when a chunk last changed

    def __len__(self) -> int:
        """Steps that may be drawn."""
        return int(self._depth().sum())

    @property
    def nbytes(self) -> int:
        """Of all its storage."""
        return sum(x.numel() * x.element_size() for x in self.arrays.values())

    def begin(self, observation: Observation) -> None:
        """What the worlds show before the first step."""
        at = self._at(self.head, self.worlds)
        for name in ("actor", "critic"):
            self.flat[name][at] = observation[name]

    def record(
        self,
        action: Tensor,
        reward: Tensor,
        terminated: Tensor,
        truncated: Tensor,
        observation: Observation,
        info: Mapping[str, Any],
    ) -> None:
        """What was done in the worlds, what came of it, and what they show now; the last two as `VectorEnv.step` gives them."""
        at, ended = self._at(self.head, self.worlds), terminated | truncated
        age = self.flat["age"][at] + 1
        done = {"action": action, "reward": reward, "terminated": terminated, "ended": ended}
        for name, x in done.items():
            self.flat[name][at] = x
        self.flat["acted"][at] = True
        ids = info.get("final_ids")
        if ids is not None and len(ids):
            cut = truncated[ids] & ~terminated[ids]  # a terminated world's last observation has no value
            ids, final = ids[cut], {name: x[cut] for name, x in info["final_obs"].items()}
            self.head[ids] += 1
            self._show(self._at(self.head[ids], ids), final, age[ids])
        self.head += 1
        self._show(self._at(self.head, self.worlds), observation, torch.where(ended, 0, age))
        self.records += 1
        for slot in (at, self._at(self.head, self.worlds)):
            self.changed[(slot // self.num_envs // self.chunk).cpu()] = self.records

    def _show(self, at: Tensor, observation: Mapping[str, Tensor], age: Tensor) -> None:
        for name in ("actor", "critic"):
            self.flat[name][at] = observation[name]
        self.flat["age"][at] = age.to(torch.int32)
        self.flat["acted"][at] = False

    def _at(self, slot: Tensor, world: Tensor) -> Tensor:
        """Rows of the flat arrays."""
        return slot % self.slots * self.num_envs + world

    def _depth(self) -> Tensor:
        """Slots before the present one that are still whole, with the history before each: [N]."""
        return self.head.clamp(max=self.slots - self.history)

    def sample(self, size: int, n_step: int, discount: float, generator: torch.Generator) -> Batch:
        """`size` steps, each with up to `n_step` rewards: fewer where the episode, or what is known of it, ended before."""
        world, slot = self._draw(size, generator)
        reward = torch.zeros(size, device=self.device)
        factor = torch.ones(size, device=self.device)
        end, alive, head = slot, torch.ones(size, dtype=torch.bool, device=self.device), self.head[world]
        for j in range(n_step):
            at = self._at(slot + j, world)
            if j:
                alive = alive & (slot + j < head)
            reward += torch.where(alive, factor * self.flat["reward"][at], 0.0)
            factor = torch.where(alive, factor * discount * (~self.flat["terminated"][at]), factor)
            end = end + alive
            alive = alive & ~self.flat["ended"][at]
        here, there = self._at(slot, world), self._at(end, world)
        seen, led_to = (self._past(s, at, world) for s, at in ((slot, here), (end, there)))
        critic, next_critic = self.flat["critic"][here], self.flat["critic"][there]
        return Batch(seen, critic, self.flat["action"][here], reward, factor, led_to, next_critic)

    def _draw(self, size: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Worlds and slots in which something was done, each as likely as any other."""
        depth = self._depth()
        world, slot = (torch.empty(size, dtype=torch.int64, device=self.device) for _ in range(2))
        left = torch.arange(size, device=self.device)
        while len(left):
            u = torch.rand(2, len(left), generator=generator, device=self.device, dtype=torch.float64)
            world[left] = (u[0] * self.num_envs).long()
            ago = (u[1] * depth[world[left]]).long() + 1
            slot[left] = self.head[world[left]] - ago
            left = left[~self.flat["acted"][self._at(slot[left], world[left])]]
        return world, slot

    def _past(self, slot: Tensor, at: Tensor, world: Tensor) -> Tensor:
        """The last observations up to these, of their episode; before its first, that one: [B, history, n]."""
        if self.history == 1:
            return self.flat["actor"][at].unsqueeze(1)
        ago = torch.arange(self.history - 1, -1, -1, device=self.device)
        back = torch.minimum(ago, self.flat["age"][at].unsqueeze(1).long())
        return self.flat["actor"][self._at(slot.unsqueeze(1) - back, world.unsqueeze(1))]

    def state_dict(self) -> dict[str, Any]:
        """All but the arrays, which are `parts`."""
        return {"head": self.head, "records": self.records, "changed": self.changed}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self.head, self.records, self.changed = state["head"].to(self.device), state["records"], state["changed"]

    def parts(self) -> dict[str, Part]:
        """The arrays in chunks of slots; those that are empty are left out."""

        def chunk(k: int) -> dict[str, np.ndarray]:
            return {name: x[k * self.chunk : (k + 1) * self.chunk].cpu().numpy() for name, x in self.arrays.items()}

        return {
            f"replay-{k:02}": Part(version, lambda k=k: chunk(k))  # type: ignore[misc]
            for k, version in enumerate(self.changed.tolist())
            if version
        }

    def load_part(self, name: str, arrays: Mapping[str, np.ndarray]) -> None:
        """Put back a chunk that `parts` gave; CheckpointError where it is none of this replay's."""
        parts = {f"replay-{k:02}": k for k in range(len(self.changed))}
        k = parts.get(name, -1)
        for field, x in self.arrays.items():
            rows = x[k * self.chunk : (k + 1) * self.chunk]
            given = arrays.get(field)
            if k < 0 or given is None or torch.from_numpy(given).dtype != x.dtype or given.shape != rows.shape:
                raise CheckpointError(
                    f"part {name} of the checkpoint does not fit: {field} {list(rows.shape)} {x.dtype}"
                )
            rows.copy_(torch.from_numpy(given))
