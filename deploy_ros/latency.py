"""How late a robot is, measured while it runs, beside what its policy was trained on.

The delay from command to motion is the shift at which the joints' velocities are most alike those of their targets: the
greatest normalized cross-correlation over a sliding window (Knapp and Carter, The generalized correlation method for
estimation of time delay, 1976, without a prefilter), refined by a parabola through its neighbours. It is the whole way, from
when a target is due to when a joint state says that the joints are there: transport, controller, servos and sensors.
"""

from __future__ import annotations

import math
import re
from collections import deque
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from ashore.configs.contract import Contract, JointSpec
from ashore.deploy_ros.safety import Command

WINDOW = 4.0  # s that an estimate looks back over
LONGEST = 0.5  # s, the longest delay that is looked for
FINEST = 0.002  # s between the points of the grid; coarser for slow control loops: a quarter of a period
MOVING = 0.02  # of its velocity limit: a joint whose velocity changes less, rms, tells nothing
ALIKE = 0.8  # the least correlation that is a delay
KEPT = 2000  # control steps, and estimates, that the percentiles are of
PLAIN = re.compile(r"[\w|()]*(\.\*[\w|()]*){0,3}")  # patterns of signals that take no time to match, whoever wrote them

NOT_ENOUGH = "not enough motion"
UNLIKE = "the joints do not move as they are told"
UNKNOWN = "not known: this policy file does not say how its servos were in training; export it again"
COMMAND = "command to motion"


class Range(NamedTuple):
    """Of a delay, s."""

    low: float
    high: float


class Motion:
    """What the joints were told and where they were seen, in the order of the policy's; times s, monotonic."""

    def __init__(self, joints: tuple[JointSpec, ...], dt: float) -> None:
        self._dt, self._fastest = dt, np.array([j.velocity for j in joints])
        self._told: deque[tuple[float, np.ndarray]] = deque(maxlen=1 + math.ceil(WINDOW / dt))
        self._seen: deque[tuple[float, np.ndarray]] = deque(maxlen=4096)

    def told(self, now: float, command: Command) -> None:
        """A target, which is due one control period from now."""
        self._told.append((now + self._dt, command.position))

    def seen(self, now: float, position: np.ndarray) -> None:
        """A joint state, [n] rad, received now."""
        if np.isfinite(position).all():
            self._seen.append((now, position))

    def delay(self) -> float | str:
        """s from when a target is due to when the joints are seen there; or why it cannot be told."""
        told, seen = list(self._told), list(self._seen)  # each at once: other threads go on with them
        step = max(self._dt / 4, FINEST)
        lags = round(LONGEST / step)
        if len(told) < 3 or len(seen) < 3:
            return NOT_ENOUGH
        end = min(told[-1][0], seen[-1][0])
        begin = max(told[0][0], seen[0][0], end - WINDOW)
        count = int((end - begin) / step)
        if count < 4 * lags:  # s that are four times the longest delay
            return NOT_ENOUGH
        grid = begin + step * np.arange(count + 1)
        commanded, moved = _velocities(told, grid, step), _velocities(seen, grid, step)
        moving = commanded.std(axis=0) > MOVING * self._fastest
        if not moving.any():
            return NOT_ENOUGH
        scale = commanded[:, moving].std(axis=0)
        return _shift(commanded[:, moving] / scale, moved[:, moving] / scale, lags, step)


def _velocities(samples: list[tuple[float, np.ndarray]], grid: np.ndarray, step: float) -> np.ndarray:
    """[len(grid) - 1, n] of positions that are linear between samples."""
    times, values = np.array([t for t, _ in samples]), np.array([q for _, q in samples])
    positions = np.stack([np.interp(grid, times, values[:, k]) for k in range(values.shape[1])], axis=1)
    return np.diff(positions, axis=0) / step


def _shift(told: np.ndarray, seen: np.ndarray, lags: int, step: float) -> float | str:
    """s by which `seen` is later than `told`, [n, joints] each. Lags from two steps before to the longest."""
    first = -2
    late = seen[lags : len(seen) + first]  # what any of the lags has a partner for
    late = late - late.mean(axis=0)
    alike = np.zeros(lags - first + 1)
    for k in range(len(alike)):
        early = told[lags - (k + first) : len(told) + first - (k + first)]
        early = early - early.mean(axis=0)
        size = math.sqrt(float((early**2).sum() * (late**2).sum()))
        alike[k] = float((early * late).sum()) / size if size > 0 else 0.0
    best = int(alike.argmax())
    if alike[best] < ALIKE or best == len(alike) - 1:
        return UNLIKE
    if best == 0:
        return 0.0
    before, at, after = alike[best - 1 : best + 2].tolist()
    bend = before - 2 * at + after
    return max(0.0, (best + first + (0.5 * (before - after) / bend if bend < 0 else 0.0)) * step)


class LatencyMeter:
    """The delay from command to motion and the age of each source, with percentiles and the range of training."""

    def __init__(self, contract: Contract, signals: Mapping[str, tuple[str, ...]]) -> None:
        """signals: those that follow from each source, by the source's name."""
        face = contract.interface
        self.motion = Motion(face.joints, face.control_dt)
        self._near = face.control_dt / 2
        self._ages: dict[str, deque[float]] = {source: deque(maxlen=KEPT) for source in signals}
        self._delays: deque[float] = deque(maxlen=KEPT)
        self._why = NOT_ENOUGH
        self._trained = {COMMAND: trained_way(contract)} | {
            source: trained_latency(contract, names) for source, names in signals.items()
        }

    def step(self, now: float, command: Command, ages: Mapping[str, float]) -> None:
        """A control step; ages: s since each source was last received, where the policy was asked."""
        self.motion.told(now, command)
        for source, age in ages.items():
            self._ages[source].append(age)

    def estimate(self) -> None:
        """Look at the motion of the last seconds. Some milliseconds of work: not for the control thread, nor under its lock."""
        delay = self.motion.delay()
        if isinstance(delay, str):
            self._why = delay
        else:
            self._delays.append(delay)
            self._why = ""

    def report(self) -> dict[str, dict[str, Any]]:
        """By name: p50 and p99 s, trained [low, high] s, verdict; of the delay also why the last look told nothing, if so."""
        parts = {COMMAND: self._part(COMMAND, list(self._delays)) | {"estimates": len(self._delays)}}
        if self._why:
            parts[COMMAND]["last"] = self._why
        return parts | {source: self._part(source, list(ages)) for source, ages in self._ages.items()}

    def texts(self) -> dict[str, str]:
        """The same for people and for /diagnostics."""
        return {f"{name} [s]": self._text(part) for name, part in self.report().items()}

    def _part(self, name: str, values: list[float]) -> dict[str, Any]:
        trained = self._trained[name]
        ends = None if trained is None else list(trained)
        if not values:
            return {"p50": None, "p99": None, "trained": ends, "verdict": ""}
        p50, p99 = (float(x) for x in np.percentile(values, [50, 99]))
        if trained is None:
            return {"p50": p50, "p99": p99, "trained": None, "verdict": UNKNOWN}
        low = trained.low if name == COMMAND else 0.0  # what a reading's age was before it was received is not known
        return {
            "p50": p50,
            "p99": p99,
            "trained": list(trained),
            "verdict": verdict(p50, p99, low, trained.high, self._near),
        }

    @staticmethod
    def _text(part: dict[str, Any]) -> str:
        if part["p50"] is None:
            return str(part.get("last", "nothing came"))
        if part["trained"] is None:
            return f"p50 {part['p50']:.4f}, p99 {part['p99']:.4f}: {part['verdict']}"
        low, high = part["trained"]
        return f"p50 {part['p50']:.4f}, p99 {part['p99']:.4f}: {part['verdict']} (trained on {low:.3g} to {high:.3g})"


def verdict(p50: float, p99: float, low: float, high: float, near: float) -> str:
    """inside, near (by no more than half a control period outside, as fine as a delay can be told) or outside."""
    beyond = max(low - p50, p99 - high)
    return "inside" if beyond <= 0 else "near" if beyond <= near else "outside"


def trained_delay(contract: Contract) -> Range:
    """From a command to its servo, in training."""
    return _span(contract, lambda entry: entry.get("effect") == "field" and "actuator_delay" in entry.get("field", ()))


def trained_way(contract: Contract) -> Range | None:
    """The whole way in training, from command to joint state; None of a file that does not say how stiff its servos were.

    A servo follows a steady motion kd / kp behind: what its damping takes, its stiffness has to give.
    """
    lags = [j.kd / j.kp for j in contract.interface.joints if j.kp]
    if len(lags) < len(contract.interface.joints):
        return None
    command, sensed = trained_delay(contract), trained_latency(contract, ("joint_position",))
    return Range(command.low + sensed.low + min(lags), command.high + sensed.high + max(lags))


def trained_latency(contract: Contract, signals: tuple[str, ...]) -> Range:
    """Of these signals, in training: of the latest of them."""

    def delays(entry: Mapping[str, Any]) -> bool:
        pattern = entry.get("signal")
        if entry.get("effect") != "signal" or entry.get("kind") != "latency" or not isinstance(pattern, str):
            return False
        return bool(PLAIN.fullmatch(pattern)) and any(_matches(pattern, name) for name in signals)

    return _span(contract, delays)


def _matches(pattern: str, name: str) -> bool:
    try:
        return re.fullmatch(pattern, name) is not None
    except re.error:
        return False


def _span(contract: Contract, chosen: Any) -> Range:
    """From the lowest to the highest value of the chosen entries at the end of training; 0 to 0 where there is none."""
    task = contract.settings.get("task")
    entries = task.get("randomization") if isinstance(task, dict) else None
    entries = entries if isinstance(entries, dict) else {}
    names = [name for name, entry in entries.items() if isinstance(entry, dict) and chosen(entry)]
    found = [d for d in contract.trained_on if d.group in names]
    return Range(min((d.low for d in found), default=0.0), max((d.high for d in found), default=0.0))
