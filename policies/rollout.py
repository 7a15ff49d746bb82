"""What N worlds did over T steps, in storage allocated once."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from policies.vector import Observation


class Rollout:
    """T steps of N worlds: tensors [T, N, ...], terminal observations of truncated episodes, episode terms."""

    def __init__(
        self, steps: int, num_envs: int, sizes: dict[str, int], action_size: int, device: torch.device | str = "cpu"
    ) -> None:
        def empty(*shape: int, dtype: torch.dtype = torch.float32) -> Tensor:
            return torch.zeros(steps, num_envs, *shape, dtype=dtype, device=device)

        self.actor = empty(sizes["actor"])
        self.critic = empty(sizes["critic"])
        self.action = empty(action_size)
        self.mean = empty(action_size)  # of the policy that acted
        self.reward = empty()
        self.terminated = empty(dtype=torch.bool)
        self.truncated = empty(dtype=torch.bool)
        self.clear()

    def clear(self) -> None:
        self.length = 0
        self.final: list[tuple[int, Tensor, Tensor]] = []  # (t, world ids [k], critic's terminal observation [k, m])
        self.episodes: dict[str, list[Tensor]] = {}

    def record(
        self,
        observation: Observation,
        action: Tensor,
        mean: Tensor,
        reward: Tensor,
        terminated: Tensor,
        truncated: Tensor,
        info: dict[str, Any],
    ) -> None:
        """Append one step: what was seen, what was done there, what came of it."""
        t = self.length
        self.actor[t] = observation["actor"]
        self.critic[t] = observation["critic"]
        self.action[t] = action
        self.mean[t] = mean
        self.reward[t] = reward
        self.terminated[t] = terminated
        self.truncated[t] = truncated
        self.length += 1
        ids = info.get("final_ids")
        if ids is None or len(ids) == 0:
            return
        # A terminated world's last observation has no value and may not be finite.
        bootstrapped = truncated[ids] & ~terminated[ids]
        self.final.append((t, ids[bootstrapped], info["final_obs"]["critic"][bootstrapped]))
        for name, values in info["episode"].items():
            self.episodes.setdefault(name, []).append(values)

    def episode_means(self) -> dict[str, float]:
        """Mean of each episode term over the episodes that ended in this rollout; empty where none did."""
        return {name: float(torch.cat(values).double().mean()) for name, values in self.episodes.items()}

    def num_episodes(self) -> int:
        return sum(len(values) for values in self.episodes.get("return", []))
