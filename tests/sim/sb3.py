"""An environment as stable-baselines3 takes it."""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
from stable_baselines3.common.vec_env import VecEnv


class Actor(VecEnv):
    """make_vec as stable-baselines3 has it: numpy arrays of the actor's observation alone."""

    def __init__(self, num_envs: int) -> None:
        self.env = gymnasium.make_vec("ashore/cartpole_swingup", num_envs=num_envs)
        self.returns: list[float] = []
        self.first_seed = 0
        super().__init__(num_envs, self.env.single_observation_space["actor"], self.env.single_action_space)  # type: ignore[index]

    def reset(self) -> np.ndarray:
        return np.asarray(self.env.reset(seed=self.first_seed)[0]["actor"])

    def step_async(self, actions: np.ndarray) -> None:
        self.actions = actions

    def step_wait(self) -> Any:
        obs, reward, terminated, truncated, info = self.env.step(self.actions)
        infos: list[dict[str, Any]] = [{} for _ in range(self.num_envs)]
        if "final_obs" in info:
            done = info["_final_obs"]
            self.returns += info["final_info"]["episode"]["return"][done].tolist()
            for world in np.flatnonzero(done):
                infos[world]["terminal_observation"] = info["final_obs"][world]["actor"]
                infos[world]["TimeLimit.truncated"] = bool(truncated[world])
        return obs["actor"], reward, terminated | truncated, infos

    def close(self) -> None:
        self.env.close()

    def get_attr(self, attr_name: str, indices: Any = None) -> list[Any]:
        return [getattr(self.env, attr_name, None)] * self.num_envs

    def set_attr(self, attr_name: str, value: Any, indices: Any = None) -> None:
        raise NotImplementedError

    def env_method(self, method_name: str, *args: Any, indices: Any = None, **kwargs: Any) -> list[Any]:
        raise NotImplementedError

    def env_is_wrapped(self, wrapper_class: Any, indices: Any = None) -> list[bool]:
        return [False] * self.num_envs
