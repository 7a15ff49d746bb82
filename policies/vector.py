"""The environment as the trainer knows it: batched tensors in and out, with the terminal observations kept."""

from __future__ import annotations

from typing import Any, Protocol, runtime_checkable

import gymnasium
import numpy as np
import torch
from gymnasium.vector import AutoresetMode
from torch import Tensor

Observation = dict[str, Tensor]  # "actor": [N, n], "critic": [N, m], float32
Step = tuple[Observation, Tensor, Tensor, Tensor, dict[str, Any]]


class VectorEnv(Protocol):
    """N worlds in step. A world that ends is reset in the same step; its terminal observation travels in `info`.

    Every returned tensor is fresh: a later step never writes into it. The environment clips actions to [-1, 1].
    """

    num_envs: int
    observation_sizes: dict[str, int]  # {"actor": n, "critic": m}
    action_size: int
    discrete: bool  # an action is one of `action_size` choices, int64

    @property
    def observation(self) -> Observation:
        """What the worlds show now: the last result of `reset`, `step` or `load_state_dict`."""
        ...

    def reset(self, seed: int | None = None) -> Observation:
        """Begin a first episode in every world."""
        ...

    def step(self, action: Tensor) -> Step:
        """Apply `action` [N, action_size], or choices [N].

        Gives (observation, reward [N] float32, terminated [N], truncated [N], info).

        The observation of a world that ended is the first of its next episode. When k worlds ended, `info` holds
        `final_ids` [k] int64, `final_obs` {"actor": [k, n], "critic": [k, m]}, their terminal observations, and
        `episode` {"return": [k], "length": [k], "success": [k] where the task has one, any further term: [k]}.
        """
        ...

    def state_dict(self) -> dict[str, Any]:
        """Everything the future depends on: nested dicts and lists of tensors, arrays, numbers and strings."""
        ...

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue as if never interrupted; `observation` is what it was."""
        ...


@runtime_checkable
class Reports(Protocol):
    """An environment that has numbers of its own for the metrics."""

    def report(self) -> dict[str, float]: ...


class GymnasiumVector:
    """Any `gymnasium.vector.VectorEnv` with one flat Box to see and one to act, as a `VectorEnv`.

    Actor and critic see the same. An action in [-1, 1] spans the action box, where that box is bounded.
    Episodes have a "success" term where the environment reports `is_success` or `success` with its last step.
    """

    def __init__(self, env: gymnasium.vector.VectorEnv[Any, Any, Any]) -> None:
        seen, acted = env.single_observation_space, env.single_action_space
        for name, space in (("observation", seen), ("action", acted)):
            if not isinstance(space, gymnasium.spaces.Box):
                raise TypeError(f"{name} space = {space}; allowed: a Box")
        mode = env.metadata.get("autoreset_mode")
        if mode != AutoresetMode.SAME_STEP:
            raise ValueError(f"autoreset mode = {mode}; allowed: {AutoresetMode.SAME_STEP}, as an argument of make_vec")
        assert isinstance(seen, gymnasium.spaces.Box) and isinstance(acted, gymnasium.spaces.Box)
        self.env = env
        self.num_envs = env.num_envs
        size = int(np.prod(seen.shape))
        self.observation_sizes = {"actor": size, "critic": size}
        self.action_size, self.discrete = int(np.prod(acted.shape)), False
        bounded = acted.is_bounded()
        self._action_shape = (self.num_envs, *acted.shape)
        self._action_type = acted.dtype
        self._center = (acted.low + acted.high) / 2 if bounded else np.float32(0)
        self._reach = (acted.high - acted.low) / 2 if bounded else np.float32(1)
        self._return = np.zeros(self.num_envs)
        self._length = np.zeros(self.num_envs)
        self._observation: Observation | None = None

    @property
    def observation(self) -> Observation:
        if self._observation is None:
            raise RuntimeError("no observation yet; call reset first")
        return self._observation

    def reset(self, seed: int | None = None) -> Observation:
        seen, _ = self.env.reset(seed=seed)
        self._return[:] = 0
        self._length[:] = 0
        self._observation = self._both(seen)
        return self._observation

    def step(self, action: Tensor) -> Step:
        wanted = self._center + action.clip(-1, 1).numpy().reshape(self._action_shape) * self._reach
        seen, reward, terminated, truncated, gym_info = self.env.step(wanted.astype(self._action_type))
        self._return += reward
        self._length += 1
        ended = np.flatnonzero(terminated | truncated)
        info = self._ended(ended, gym_info) if len(ended) else {}
        self._return[ended] = 0
        self._length[ended] = 0
        self._observation = self._both(seen)
        rewards = torch.tensor(reward, dtype=torch.float32)
        return self._observation, rewards, torch.tensor(terminated), torch.tensor(truncated), info

    def _ended(self, ids: np.ndarray, gym_info: dict[str, Any]) -> dict[str, Any]:
        """The part of `info` that tells about the worlds `ids` [k], which just ended."""
        episode = {"return": torch.tensor(self._return[ids]).float(), "length": torch.tensor(self._length[ids]).float()}
        for key in ("is_success", "success"):
            if key in gym_info.get("final_info", {}):
                episode["success"] = torch.tensor(gym_info["final_info"][key][ids]).float()
        final = self._both(np.stack([gym_info["final_obs"][i] for i in ids]))
        return {"final_ids": torch.tensor(ids), "final_obs": final, "episode": episode}

    def _both(self, seen: np.ndarray) -> Observation:
        flat = torch.tensor(seen.reshape(len(seen), -1), dtype=torch.float32)
        return {"actor": flat, "critic": flat.clone()}

    def state_dict(self) -> dict[str, Any]:
        raise NotImplementedError(
            "a gymnasium environment does not expose its state, so that a run on it cannot be checkpointed and resumed; "
            "train with checkpoints only on environments that implement state_dict"
        )

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.state_dict()
