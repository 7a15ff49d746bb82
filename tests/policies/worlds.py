"""Small gymnasium environments for tests. `gymnasium:tests.policies.worlds:Target-v0` finds them as any user's."""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces


class Target(gymnasium.Env[dict[str, Any], Any]):
    """Say on which side of the middle a target is: a Dict of a Box and a Discrete to see, choices from 1 on to act.

    broken: name of what is not finite from the third step on, "observation" or "reward".
    """

    metadata = {"render_modes": ["rgb_array"], "render_fps": 10}  # noqa: RUF012

    def __init__(self, render_mode: str | None = None, broken: str | None = None, hidden: bool = False) -> None:
        self.render_mode, self.broken = render_mode, broken
        self.observation_space = spaces.Dict({"place": spaces.Box(-1, 1, (2,)), "side": spaces.Discrete(2, start=5)})
        self.action_space = spaces.Discrete(2, start=1)
        self.place = np.zeros(2, np.float32)
        self.steps = 0
        if hidden:
            self.engine = object()

    def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[dict[str, Any], dict[str, Any]]:
        super().reset(seed=seed)
        self.steps = 0
        return self._show(), {}

    def step(self, action: Any) -> tuple[dict[str, Any], float, bool, bool, dict[str, Any]]:
        right = int(self.place[0] > 0) == action - 1
        self.steps += 1
        reward = float("nan") if self.broken == "reward" and self.steps == 3 else float(right)
        shown = self._show()
        if self.broken == "observation" and self.steps == 3:
            shown["place"][1] = np.inf
        return shown, reward, self.steps == 8, False, {}

    def _show(self) -> dict[str, Any]:
        self.place = self.np_random.uniform(-1, 1, 2).astype(np.float32)
        return {"place": self.place.copy(), "side": 5 + int(self.place[0] > 0)}

    def render(self) -> Any:
        return np.full((16, 16, 3), 10 * self.steps, np.uint8)


class Picture(gymnasium.Env[Any, Any]):
    """An image of 12 x 12 pixels with a bright left or right half; say which. Four steps."""

    def __init__(self) -> None:
        self.observation_space = spaces.Box(0, 255, (12, 12, 1), np.uint8)
        self.action_space = spaces.Discrete(2)
        self.side = self.steps = 0

    def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[Any, dict[str, Any]]:
        super().reset(seed=seed)
        self.steps = 0
        return self._show(), {}

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        reward = 1.0 if action == self.side else -1.0
        self.steps += 1
        return self._show(), reward, self.steps == 4, False, {}

    def _show(self) -> Any:
        self.side = int(self.np_random.integers(2))
        image = self.np_random.integers(0, 100, (12, 12, 1)).astype(np.uint8)
        image[:, 6 * self.side : 6 * self.side + 6] += 100
        return image


class Several(gymnasium.Env[Any, Any]):
    """Takes two choices at once."""

    observation_space = spaces.Box(-1, 1, (1,))
    action_space = spaces.MultiDiscrete([2, 3])

    def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[Any, dict[str, Any]]:
        return np.zeros(1, np.float32), {}


for _name, _class in (("Target", Target), ("Picture", Picture), ("Several", Several)):
    gymnasium.register(
        f"{_name}-v0", entry_point=f"{__name__}:{_name}", reward_threshold=7.5 if _class is Target else None
    )
