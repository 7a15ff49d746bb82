"""The gymnasium edge: numpy views of the batched environment's tensors, registered as `ashore/<task>`."""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
import torch
from gymnasium import spaces
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space

from ashore.configs.schema import TaskSettings
from ashore.sim.env import Env
from ashore.sim.randomizer_interface import Randomizer

NAMESPACE = "ashore"


def observation_space(env: Env) -> spaces.Dict:
    """One world's observation: `actor`, what a robot can measure, and `critic`, what only a simulator knows."""
    return spaces.Dict({k: spaces.Box(-np.inf, np.inf, (n,), np.float32) for k, n in env.observation_sizes.items()})


def action_space(env: Env) -> spaces.Box:
    """One world's action: target velocities, as fractions of `action_scale`."""
    return spaces.Box(-1.0, 1.0, (env.action_size,), np.float32)


class AshoreVectorEnv(VectorEnv):
    """`gymnasium.vector.VectorEnv` over `ashore.sim.env.Env`, same-step autoreset; arrays share memory with its tensors."""

    def __init__(
        self,
        num_envs: int,
        settings: TaskSettings,
        randomizer: Randomizer | None = None,
        num_threads: int = 0,
        render_mode: str | None = None,
    ) -> None:
        self.env = Env(settings, num_envs, randomizer=randomizer, num_threads=num_threads)
        self.num_envs = num_envs
        self.metadata = {
            "autoreset_mode": AutoresetMode.SAME_STEP,
            "render_modes": ["rgb_array"],
            "render_fps": round(1 / settings.control_dt),
        }
        self.render_mode = render_mode
        self.single_observation_space = observation_space(self.env)
        self.single_action_space = action_space(self.env)
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.action_space = batch_space(self.single_action_space, num_envs)
        self._renderer: Any = None

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """Without a seed, every world goes on to its next episode; with one, to episode 0 of that seed."""
        super().reset(seed=seed)
        obs = self.env.restart() if seed is None and self.env.observation else self.env.reset(seed)
        return _numpy(obs), {}

    def step(self, actions: Any) -> tuple[dict[str, Any], Any, Any, Any, dict[str, Any]]:
        action = torch.as_tensor(np.asarray(actions, np.float32))
        if action.shape != (self.num_envs, self.env.action_size):
            raise ValueError(
                f"actions of shape {tuple(action.shape)}; allowed: {(self.num_envs, self.env.action_size)}"
            )
        obs, reward, terminated, truncated, info = self.env.step(action)
        return _numpy(obs), reward.numpy(), terminated.numpy(), truncated.numpy(), self._info(info)

    def _info(self, info: dict[str, Any]) -> dict[str, Any]:
        """gymnasium's layout: one entry a world, and a mask of the worlds that have one."""
        if "final_ids" not in info:
            return {}
        ids = info["final_ids"].numpy()
        mask = np.zeros(self.num_envs, bool)
        mask[ids] = True
        final_obs = np.full(self.num_envs, None, object)
        for row, world in enumerate(ids):
            final_obs[world] = {k: v[row].numpy() for k, v in info["final_obs"].items()}
        episode = {}
        for name, values in info["episode"].items():
            episode[name] = np.zeros(self.num_envs, np.float32)
            episode[name][ids] = values.numpy()
            episode["_" + name] = mask
        return {"final_obs": final_obs, "_final_obs": mask, "final_info": {"episode": episode}, "_final_info": mask}

    def render(self) -> tuple[Any, ...] | None:
        """The first world as one picture, [height, width, 3] uint8."""
        if self.render_mode != "rgb_array":
            return None
        if self._renderer is None:
            from ashore.sim.view.render import Renderer

            self._renderer = Renderer(self.env)
        return (self._renderer.frame(0),)

    def close_extras(self, **kwargs: Any) -> None:
        if self._renderer is not None:
            self._renderer.close()


class AshoreEnv(gymnasium.Env):
    """One world as a plain `gymnasium.Env`."""

    metadata = {"render_modes": ["rgb_array"], "render_fps": 50}  # noqa: RUF012 - gymnasium's own declaration

    def __init__(
        self, settings: TaskSettings, randomizer: Randomizer | None = None, render_mode: str | None = None
    ) -> None:
        self.vector = AshoreVectorEnv(1, settings, randomizer, num_threads=1, render_mode=render_mode)
        self.metadata = self.vector.metadata
        self.render_mode = render_mode
        self.observation_space = self.vector.single_observation_space
        self.action_space = self.vector.single_action_space

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        super().reset(seed=seed)
        obs, _ = self.vector.reset(seed=seed)
        return {k: v[0] for k, v in obs.items()}, {}

    def step(self, action: Any) -> tuple[dict[str, Any], float, bool, bool, dict[str, Any]]:
        """An end comes with the terminal observation, and with the episode's success and return in `info`."""
        obs, reward, terminated, truncated, info = self.vector.step(np.asarray(action)[None])
        if "final_obs" not in info:
            return {k: v[0] for k, v in obs.items()}, float(reward[0]), False, False, {}
        episode = {k: float(v[0]) for k, v in info["final_info"]["episode"].items() if not k.startswith("_")}
        return info["final_obs"][0], float(reward[0]), bool(terminated[0]), bool(truncated[0]), {"episode": episode}

    def render(self) -> Any:
        frames = self.vector.render()
        return None if frames is None else frames[0]

    def close(self) -> None:
        self.vector.close()


def _numpy(obs: dict[str, torch.Tensor]) -> dict[str, Any]:
    return {k: v.numpy() for k, v in obs.items()}
