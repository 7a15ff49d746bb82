"""Any gymnasium environment, as the trainer knows environments."""

from __future__ import annotations

import warnings
from typing import Any

import gymnasium
import numpy as np
import torch
from gymnasium.vector import AutoresetMode

from ashore.configs.errors import UsageError
from ashore.configs.gymnasium_run import GymnasiumSettings
from ashore.policies.gymnasium_spaces import Actions, Observations
from ashore.policies.gymnasium_state import UnknownStateError, WorldState, fault_in_rehearsal
from ashore.policies.vector import Observation, Step

SUCCESS = ("is_success", "success")  # names under which environments tell it with an episode's last step


def make_gymnasium(
    settings: GymnasiumSettings, num_envs: int, render_mode: str | None = None, *, longest: int | None = None
) -> GymnasiumVector:
    """N worlds of the environment that the settings name, in one process; UsageError says why there are none.

    longest: steps of an episode, where the environment has no limit of its own.
    """
    kwargs = settings.kwargs | {"disable_env_checker": True}
    if settings.max_episode_steps is not None:
        kwargs["max_episode_steps"] = settings.max_episode_steps
    if render_mode is not None:
        kwargs["render_mode"] = render_mode
    env = _make_worlds(settings, num_envs, kwargs)
    spec = env.envs[0].spec
    if longest is not None and spec is not None and spec.max_episode_steps is None:
        env.close()
        env = _make_worlds(settings, num_envs, kwargs | {"max_episode_steps": longest})
    threshold = None if spec is None else spec.reward_threshold  # from which gymnasium takes it as solved
    goal = settings.success_return
    return GymnasiumVector(env, success_return=threshold if goal is None else goal)


def _make_worlds(settings: GymnasiumSettings, num_envs: int, kwargs: dict[str, Any]) -> Any:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of versions and of precision, which the user cannot change here
            return gymnasium.make_vec(
                settings.id,
                num_envs,
                vectorization_mode="sync",
                vector_kwargs={"autoreset_mode": AutoresetMode.SAME_STEP},
                **kwargs,
            )
    except ModuleNotFoundError as error:
        raise UsageError(
            f"gymnasium.id = {settings.id!r}: {str(error).split('.')[0]}; allowed: an installed package, or one on PYTHONPATH"
        ) from None
    except gymnasium.error.Error as error:
        text = " ".join(str(error).split()).rstrip(".")
        raise UsageError(
            f"gymnasium.id = {settings.id!r}: {text}; allowed: what gymnasium.pprint_registry() lists, or package:ID"
        ) from None
    except TypeError as error:
        if not settings.kwargs:
            raise
        raise UsageError(f"gymnasium.kwargs = {settings.kwargs}: {error}") from None


def fault_of_resuming(settings: GymnasiumSettings) -> str:
    """Why a run on the environment cannot go on from a checkpoint to the same bits; empty where it can."""
    return fault_in_rehearsal(lambda: make_gymnasium(settings, 1))


class GymnasiumVector:
    """A `gymnasium.vector.VectorEnv`, as a `VectorEnv`; `gymnasium_spaces` has the spaces it may have.

    Actor and critic see the same. An action in [-1, 1] spans the action box, where that box is bounded.
    Episodes have a "success" term where the environment reports `is_success` or `success` with its last step, or where
    `success_return` says which return is one.
    """

    def __init__(self, env: gymnasium.vector.VectorEnv[Any, Any, Any], *, success_return: float | None = None) -> None:
        mode = env.metadata.get("autoreset_mode")
        if mode != AutoresetMode.SAME_STEP:
            raise UsageError(f"autoreset mode = {mode}; allowed: {AutoresetMode.SAME_STEP}, as an argument of make_vec")
        self.env: Any = env
        self.num_envs = env.num_envs
        self.seen = Observations(env.single_observation_space)
        self.acted = Actions(env.single_action_space, env.num_envs)
        self.layout = self.seen.layout
        self.observation_sizes = {"actor": self.seen.size, "critic": self.seen.size}
        self.action_size, self.discrete = self.acted.size, self.acted.discrete
        self.success_return = success_return
        self._return = np.zeros(self.num_envs)
        self._length = np.zeros(self.num_envs)
        self._steps = 0  # since reset
        self._observation: Observation | None = None
        worlds = getattr(env, "envs", None)
        self._why = "worlds in processes of their own do not show their state"
        self._states = None if worlds is None else [WorldState(world) for world in worlds]

    @property
    def observation(self) -> Observation:
        if self._observation is None:
            raise RuntimeError("no observation yet; call reset first")
        return self._observation

    def reset(self, seed: int | None = None) -> Observation:
        batch, _ = self.env.reset(seed=seed)
        self._return[:] = 0
        self._length[:] = 0
        self._steps = 0
        self._observation = self._show(batch)
        return self._observation

    def step(self, action: torch.Tensor) -> Step:
        batch, reward, terminated, truncated, gym_info = self.env.step(self.acted.to_environment(action.numpy()))
        self._steps += 1
        self._require_finite("reward", reward[:, None])
        self._return += reward
        self._length += 1
        ended = np.flatnonzero(terminated | truncated)
        info = self._ended(ended, gym_info) if len(ended) else {}
        self._return[ended] = 0
        self._length[ended] = 0
        self._observation = self._show(batch)
        rewards = torch.tensor(reward, dtype=torch.float32)
        return self._observation, rewards, torch.tensor(terminated), torch.tensor(truncated), info

    def _ended(self, ids: np.ndarray, gym_info: dict[str, Any]) -> dict[str, Any]:
        """The part of `info` that tells about the worlds `ids` [k], which just ended."""
        episode = {"return": torch.tensor(self._return[ids]).float(), "length": torch.tensor(self._length[ids]).float()}
        told = next((key for key in SUCCESS if key in gym_info.get("final_info", {})), None)
        if told is not None:
            episode["success"] = torch.tensor(gym_info["final_info"][told][ids]).float()
        elif self.success_return is not None:
            episode["success"] = (episode["return"] >= self.success_return).float()
        rows = np.concatenate([self.seen.row(gym_info["final_obs"][i]) for i in ids])
        return {"final_ids": torch.tensor(ids), "final_obs": _both(rows), "episode": episode}

    def _show(self, batch: Any) -> Observation:
        rows = self.seen.rows(batch, self.num_envs)
        if not self.layout.image:
            self._require_finite("observation", rows)
        return _both(rows)

    def _require_finite(self, what: str, rows: np.ndarray) -> None:
        """Numbers that are not finite would spoil what learns from them for good: raise, with what and where."""
        if np.isfinite(rows).all():
            return
        world, column = np.argwhere(~np.isfinite(rows))[0]
        name = what if what == "reward" else self.seen.name_of(int(column))
        raise FloatingPointError(
            f"{name} of world {world} is {rows[world, column]} after {self._steps} steps of {self.env.spec.id}; "
            "training stopped before it learned from that"
        )

    def state_dict(self) -> dict[str, Any]:
        return {
            "worlds": [world.capture() for world in self._worlds()],
            "return": self._return.copy(),
            "length": self._length.copy(),
            "steps": self._steps,
            "shown": self.observation["actor"],
        }

    def _worlds(self) -> list[WorldState]:
        if self._states is None:
            raise UnknownStateError(self._why)
        return self._states

    def forget_state(self, why: str) -> None:
        """Save no state from now on, as it would not be exact."""
        self._states, self._why = None, why

    def picture(self) -> np.ndarray:
        """The first world as [height, width, 3] bytes; UsageError where it cannot be drawn."""
        try:
            pictures = self.env.render()
        except gymnasium.error.Error as error:
            raise UsageError(f"{self.env.spec.id} cannot be drawn: {' '.join(str(error).split())}") from None
        picture = None if not pictures else pictures[0]
        if not isinstance(picture, np.ndarray) or picture.ndim != 3:
            raise UsageError(f"{self.env.spec.id} draws nothing; allowed: an environment with render_mode 'rgb_array'")
        return picture

    def load_state_dict(self, state: dict[str, Any]) -> None:
        for world, saved in zip(self._worlds(), state["worlds"], strict=True):
            world.restore(saved)
        self._return[:], self._length[:], self._steps = state["return"], state["length"], state["steps"]
        self._observation = {"actor": state["shown"], "critic": state["shown"].clone()}


def _both(rows: np.ndarray) -> Observation:
    flat = torch.from_numpy(rows)
    return {"actor": flat, "critic": flat.clone()}
