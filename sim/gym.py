"""The gymnasium edge: numpy views of the batched environment's tensors, registered as `ashore/<task>`."""

from __future__ import annotations

from typing import Any, Literal, get_args

import gymnasium
import numpy as np
import torch
from gymnasium import spaces
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space

from ashore.configs.errors import AshoreError
from ashore.configs.schema import TaskSettings
from ashore.sim.env import Env
from ashore.sim.randomizer_interface import Randomizer

NAMESPACE = "ashore"
OUTCOME = "outcome"  # of an episode that ended, in `info`; "episode" belongs to gymnasium's and SB3's own wrappers
Observation = Literal["dict", "actor"]


def observation_space(env: Env, observation: Observation = "dict") -> spaces.Space[Any]:
    """One observation: `actor`, what a robot measures, and `critic`, what only a simulator knows; or the former alone."""
    boxes: dict[str, spaces.Space[Any]] = {
        k: spaces.Box(-np.inf, np.inf, (n,), np.float32) for k, n in env.observation_sizes.items()
    }
    return boxes["actor"] if observation == "actor" else spaces.Dict(boxes)


def action_space(env: Env) -> spaces.Box:
    """One world's action: target velocities, as fractions of `action_scale`."""
    return spaces.Box(-1.0, 1.0, (env.action_size,), np.float32)


class AshoreVectorEnv(VectorEnv):
    """`gymnasium.vector.VectorEnv` over `ashore.sim.env.Env`, same-step autoreset; arrays share memory with its tensors.

    observation: "dict" gives `actor` and `critic`; "actor" gives a plain Box, what a robot can measure, for learners that would
    otherwise let the actor see what only a simulator knows. An ended episode's return, length, success and reward terms are in
    `info["final_info"]["outcome"]`.
    """

    def __init__(
        self,
        num_envs: int,
        settings: TaskSettings,
        randomizer: Randomizer | None = None,
        num_threads: int = 0,
        render_mode: str | None = None,
        observation: Observation = "dict",
    ) -> None:
        if observation not in get_args(Observation):
            raise AshoreError(f"observation = {observation!r}; allowed: {list(get_args(Observation))}")
        self._observation = observation
        self.env = Env(settings, num_envs, randomizer=randomizer, num_threads=num_threads)
        self.num_envs = num_envs
        self.metadata = {
            "autoreset_mode": AutoresetMode.SAME_STEP,
            "render_modes": ["rgb_array"],
            "render_fps": round(1 / settings.control_dt),
        }
        self.render_mode = render_mode
        self.single_observation_space = observation_space(self.env, observation)
        self.single_action_space = action_space(self.env)
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.action_space = batch_space(self.single_action_space, num_envs)
        self._renderer: Any = None

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        """Without a seed, every world goes on to its next episode; with one, to episode 0 of that seed."""
        super().reset(seed=seed)
        obs = self.env.restart() if seed is None and self.env.observation else self.env.reset(seed)
        return self._shown(obs), {}

    def step(self, actions: Any) -> tuple[Any, Any, Any, Any, dict[str, Any]]:
        action = torch.as_tensor(np.asarray(actions, np.float32))
        if action.shape != (self.num_envs, self.env.action_size):
            raise ValueError(
                f"actions of shape {tuple(action.shape)}; allowed: {(self.num_envs, self.env.action_size)}"
            )
        obs, reward, terminated, truncated, info = self.env.step(action)
        return self._shown(obs), reward.numpy(), terminated.numpy(), truncated.numpy(), self._info(info)

    def _info(self, info: dict[str, Any]) -> dict[str, Any]:
        """gymnasium's layout: one entry a world, and a mask of the worlds that have one."""
        if "final_ids" not in info:
            return {}
        ids = info["final_ids"].numpy()
        mask = np.zeros(self.num_envs, bool)
        mask[ids] = True
        final_obs = np.full(self.num_envs, None, object)
        for row, world in enumerate(ids):
            final_obs[world] = self._shown({k: v[row] for k, v in info["final_obs"].items()})
        outcome = {}
        for name, values in info["episode"].items():
            outcome[name] = np.zeros(self.num_envs, np.float32)
            outcome[name][ids] = values.numpy()
            outcome["_" + name] = mask
        final = {OUTCOME: outcome, "is_success": outcome["success"] > 0.5, "_is_success": mask}
        return {"final_obs": final_obs, "_final_obs": mask, "final_info": final, "_final_info": mask}

    def _shown(self, obs: dict[str, torch.Tensor]) -> Any:
        return obs["actor"].numpy() if self._observation == "actor" else {k: v.numpy() for k, v in obs.items()}

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
        self,
        settings: TaskSettings,
        randomizer: Randomizer | None = None,
        render_mode: str | None = None,
        observation: Observation = "dict",
    ) -> None:
        self.vector = AshoreVectorEnv(1, settings, randomizer, 1, render_mode, observation)
        self.metadata = self.vector.metadata
        self.render_mode = render_mode
        self.observation_space = self.vector.single_observation_space
        self.action_space = self.vector.single_action_space

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        super().reset(seed=seed)
        return _first(self.vector.reset(seed=seed)[0]), {}

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        """An end comes with the terminal observation, and with the episode's `outcome` and `is_success` in `info`."""
        obs, reward, terminated, truncated, info = self.vector.step(np.asarray(action)[None])
        if "final_obs" not in info:
            return _first(obs), float(reward[0]), False, False, {}
        outcome = {k: float(v[0]) for k, v in info["final_info"][OUTCOME].items() if not k.startswith("_")}
        told = {OUTCOME: outcome, "is_success": outcome["success"] > 0.5}
        return info["final_obs"][0], float(reward[0]), bool(terminated[0]), bool(truncated[0]), told

    def render(self) -> Any:
        frames = self.vector.render()
        return None if frames is None else frames[0]

    def close(self) -> None:
        self.vector.close()


def _first(obs: Any) -> Any:
    """The only world's observation."""
    return {k: v[0] for k, v in obs.items()} if isinstance(obs, dict) else obs[0]
