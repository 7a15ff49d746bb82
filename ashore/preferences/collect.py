"""Pairs of short clips of a policy, each from a random moment of a world of its own, with pictures where someone looks."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ashore.configs.whole_file import whole_file
from ashore.policies.acting import Acting
from ashore.policies.preferences.clips import Clips
from ashore.sim.env import Env

FRAMES_A_SECOND = 20.0
WIDTH, HEIGHT = 320, 240
SIDES = ("left", "right")


def steps_a_picture(control_dt: float) -> int:
    """Control steps from one picture of a clip to the next."""
    return max(1, round(1 / (FRAMES_A_SECOND * control_dt)))


def collect(env: Env, acting: Acting, seconds: float, seed: int, film: Callable[[int], Path] | None = None) -> Clips:
    """Clips of N / 2 pairs from an environment of N worlds, where the policy acts as it explores.

    film: where the pictures of a world's clip go, one JPEG of all of them, one above the other; none are drawn without it.
    """
    random = torch.Generator().manual_seed(seed)
    length = min(max(1, round(seconds / env.settings.control_dt)), env.settings.episode_steps)
    start = torch.randint(env.settings.episode_steps - length + 1, (env.num_envs,), generator=random)
    sizes = {**env.observation_sizes, "action": env.action_size, "terms": len(env.task.reward_terms)}
    seen = {name: torch.zeros(env.num_envs, length, size) for name, size in sizes.items()}
    valid = torch.zeros(env.num_envs, length, dtype=torch.bool)
    ended = torch.zeros(env.num_envs, dtype=torch.bool)  # within the clip
    camera = _Camera(env, film, steps_a_picture(env.settings.control_dt)) if film else None
    env.reset(seed)
    for t in range(int(start.max()) + length):
        into = t - start
        shown = ((into >= 0) & (into < length) & ~ended).nonzero().squeeze(1)
        if camera is not None:
            camera.look(shown, into)
        observation, before = env.observation, env.sums.clone()
        head = acting.head(observation["actor"], env.began)
        action = acting.actor.distribution(head).sample(random)
        _, _, terminated, truncated, info = env.step(action)
        terms = env.sums - before
        if "final_ids" in info:
            ids = info["final_ids"]
            whole = torch.stack([info["episode"][f"reward/{name}"] for name in env.task.reward_terms], 1)
            terms[ids] = whole - before[ids]
        step = {**observation, "action": action.clip(-1.0, 1.0), "terms": terms}
        for name, x in step.items():
            seen[name][shown, into[shown]] = x[shown]
        valid[shown, into[shown]] = True
        ended |= (terminated | truncated) & (into >= 0)
    if camera is not None:
        camera.close()
    pairs = {name: x.unflatten(0, (-1, 2)) for name, x in {**seen, "valid": valid}.items()}
    return Clips(**pairs)


class _Camera:
    """Draws the worlds whose clips run, and writes each clip when the next world's pictures need the room."""

    def __init__(self, env: Env, film: Callable[[int], Path], every: int) -> None:
        from ashore.sim.view.render import Renderer

        self._renderer, self._film, self._every = Renderer(env, WIDTH, HEIGHT), film, every
        self._pictures: dict[int, list[NDArray[np.uint8]]] = {}

    def look(self, shown: Tensor, into: Tensor) -> None:
        """Draw the shown worlds [k] whose clip is due a picture, `into` [N] steps into theirs; write those that are over."""
        for world in set(self._pictures) - set(shown.tolist()):
            self._write(world)
        for world in shown.tolist():
            if int(into[world]) % self._every == 0:
                self._pictures.setdefault(world, []).append(self._renderer.frame(world))

    def close(self) -> None:
        for world in list(self._pictures):
            self._write(world)
        self._renderer.close()

    def _write(self, world: int) -> None:
        path = self._film(world)
        with whole_file(path) as part:
            part.write_bytes(as_strip(self._pictures.pop(world)))


def as_strip(pictures: list[NDArray[np.uint8]]) -> bytes:
    """Pictures [height, width, 3] one above the other, as a JPEG."""
    from PIL import Image

    data = io.BytesIO()
    Image.fromarray(np.concatenate(pictures)).save(data, "JPEG", quality=85)
    return data.getvalue()
