"""What N worlds did over T steps, in storage allocated once."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from ashore.policies.vector import Observation


class Rollout:
    """T steps of N worlds: tensors [T, N, ...], terminal observations of truncated episodes, episode terms.

    For an actor with memory also the state that each step was entered with, where episodes began, and the last `before`
    steps of the rollout before: `past` [before + T, N, ...].
    """

    def __init__(
        self,
        steps: int,
        num_envs: int,
        sizes: dict[str, int],
        action_size: int,
        device: torch.device | str = "cpu",
        *,
        memory_size: int = 0,
        before: int = 0,
        discrete: bool = False,
        critic_sees: str = "critic",
    ) -> None:
        """action_size: of the actor's head; `discrete`: an action is one of so many choices; critic_sees: which observation."""

        def empty(*shape: int, dtype: torch.dtype = torch.float32, length: int = steps) -> Tensor:
            return torch.zeros(length, num_envs, *shape, dtype=dtype, device=device)

        self.before, self.critic_sees = before, critic_sees
        whole = steps + before
        self.past = {"actor": empty(sizes["actor"], length=whole)}
        if memory_size:
            self.past["state"] = empty(memory_size, length=whole)
            self.past["began"] = empty(dtype=torch.bool, length=whole)
        self.actor = self.past["actor"][before:]
        self.critic = empty(sizes[critic_sees])
        self.action = empty(dtype=torch.int64) if discrete else empty(action_size)
        self.head = empty(action_size)  # what the actor that acted gave
        self.reward = empty()
        self.terminated = empty(dtype=torch.bool)
        self.truncated = empty(dtype=torch.bool)
        self.clear()

    def clear(self) -> None:
        if self.before:
            for x in self.past.values():
                x[: self.before] = x[-self.before :]
        self.length = 0
        self.final: list[tuple[int, Tensor, Tensor]] = []  # (t, world ids [k], critic's terminal observation [k, m])
        self.episodes: dict[str, list[Tensor]] = {}

    def record(
        self,
        observation: Observation,
        action: Tensor,
        head: Tensor,
        reward: Tensor,
        terminated: Tensor,
        truncated: Tensor,
        info: dict[str, Any],
        state: Tensor | None = None,
        began: Tensor | None = None,
    ) -> None:
        """Append one step: what was seen, what was done there, what came of it; and what was remembered before it."""
        t = self.length
        if state is not None and began is not None:
            self.past["state"][self.before + t] = state
            self.past["began"][self.before + t] = began
        self.actor[t] = observation["actor"]
        self.critic[t] = observation[self.critic_sees]
        self.action[t] = action
        self.head[t] = head
        self.reward[t] = reward
        self.terminated[t] = terminated
        self.truncated[t] = truncated
        self.length += 1
        ids = info.get("final_ids")
        if ids is None or len(ids) == 0:
            return
        # A terminated world's last observation has no value and may not be finite.
        bootstrapped = truncated[ids] & ~terminated[ids]
        self.final.append((t, ids[bootstrapped], info["final_obs"][self.critic_sees][bootstrapped]))
        for name, values in info["episode"].items():
            self.episodes.setdefault(name, []).append(values)

    def latest(self) -> dict[str, Tensor]:
        """What the next rollout takes over of this one: its last `before` steps."""
        return {name: x[len(x) - self.before :] for name, x in self.past.items()}


def cut(x: Tensor, length: int, stride: int) -> Tensor:
    """Sequences of `length` steps, one every `stride` steps: [T, N, ...] -> [sequences * N, length, ...]."""
    return x.unfold(0, length, stride).movedim(-1, 2).flatten(0, 1)
