"""Worlds of a task as stable-baselines3 takes them: `PPO("MlpPolicy", SB3VecEnv("arm_reach", 64))`. Needs stable-baselines3."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import gymnasium
import numpy as np
from stable_baselines3.common.vec_env import VecEnv

from ashore.configs.errors import AshoreError
from ashore.sim.gym import OUTCOME


class SB3VecEnv(VecEnv):
    """A batched environment, `ashore/<preset>`, whose observation is the actor's alone: [N, size] float32.

    Episodes that end come with `terminal_observation`, `TimeLimit.truncated`, `is_success` and, as SB3's Monitor has it,
    `episode` with return `r` and length `l`. seed: of the first reset.
    """

    def __init__(self, preset: str, num_envs: int, overrides: Sequence[str] = (), seed: int = 0) -> None:
        self.env: Any = gymnasium.make_vec(
            f"ashore/{preset}", num_envs=num_envs, overrides=overrides, observation="actor"
        )
        self.first_seed: int | None = seed
        self._actions: np.ndarray | None = None
        super().__init__(num_envs, self.env.single_observation_space, self.env.single_action_space)

    def reset(self) -> np.ndarray:
        """Episode 0 of the seed at first, later the next episodes."""
        obs, _ = self.env.reset(seed=self.first_seed)
        self.first_seed = None
        return np.array(obs)

    def seed(self, seed: int | None = None) -> list[int | None]:
        """SB3 gives its own seed before the first reset."""
        self.first_seed = seed
        return [seed] * self.num_envs

    def step_async(self, actions: np.ndarray) -> None:
        self._actions = actions

    def step_wait(self) -> Any:
        obs, reward, terminated, truncated, info = self.env.step(self._actions)
        infos: list[dict[str, Any]] = [{} for _ in range(self.num_envs)]
        if "final_obs" in info:
            final = info["final_info"]
            for world in np.flatnonzero(info["_final_obs"]):
                outcome = final[OUTCOME]
                infos[world] = {
                    "terminal_observation": info["final_obs"][world],
                    "TimeLimit.truncated": bool(truncated[world] and not terminated[world]),
                    "is_success": bool(final["is_success"][world]),
                    "episode": {"r": float(outcome["return"][world]), "l": int(outcome["length"][world]), "t": 0.0},
                }
        # SB3 keeps what it is given, and the environment writes the next step over it.
        return np.array(obs), np.array(reward), terminated | truncated, infos

    def close(self) -> None:
        self.env.close()

    def get_attr(self, attr_name: str, indices: Any = None) -> list[Any]:
        return [getattr(self.env, attr_name, None)] * len(list(self._get_indices(indices)))

    def set_attr(self, attr_name: str, value: Any, indices: Any = None) -> None:
        raise AshoreError(f"set_attr({attr_name!r}); all worlds are one object: set what you need before it is made")

    def env_method(self, method_name: str, *args: Any, indices: Any = None, **kwargs: Any) -> list[Any]:
        raise AshoreError(f"env_method({method_name!r}); all worlds are one object, in `.env`")

    def env_is_wrapped(self, wrapper_class: Any, indices: Any = None) -> list[bool]:
        return [False] * len(list(self._get_indices(indices)))
