"""A policy file as an object with `reset` and `step`, for one's own loop. Needs numpy, onnxruntime and pydantic alone."""

from __future__ import annotations

from os import PathLike
from typing import NamedTuple

import numpy as np

from ashore.configs.contract import Contract
from ashore.configs.errors import AshoreError
from ashore.deploy_ros.bundle import Memory, Signals, load_policy


class SignalError(AshoreError, ValueError):
    """A signal that is missing, of another shape, or not finite; says which and what is allowed."""


class Targets(NamedTuple):
    """Where the joints shall be one control period from now, in the order of `joints`."""

    position: np.ndarray  # [joints] or [n, joints] float32, rad or m
    velocity: np.ndarray  # the same, rad/s or m/s


class SteppedPolicy:
    """A policy that remembers: `reset` where an episode begins, `step` once a control period.

    What it gives is within the limits of joints, velocity and acceleration that the file has. It is not what stands between
    a policy and a robot: `ashore deploy` watches signals' age, tracking error and the robot's state besides.
    """

    def __init__(self, path: str | PathLike[str]) -> None:
        self._policy = load_policy(path)
        self._path = str(path)
        self._memory: Memory | None = None
        self._of: tuple[int, ...] = ()  # how many robots the memory is of

    @property
    def contract(self) -> Contract:
        """Everything that the file promises."""
        return self._policy.contract

    @property
    def signals(self) -> dict[str, tuple[int, str]]:
        """What `step` takes: name -> size, unit."""
        return {s.name: (s.size, s.unit) for s in self.contract.interface.signals}

    @property
    def joints(self) -> tuple[str, ...]:
        """Names, in the order of the targets."""
        return tuple(j.name for j in self.contract.interface.joints)

    @property
    def control_dt(self) -> float:
        """Control period, s."""
        return self.contract.interface.control_dt

    def reset(self) -> None:
        """Forget the episode so far."""
        self._memory = None

    def step(self, signals: Signals) -> Targets:
        """Targets from signals, name -> [size], or [n, size] for n robots at once."""
        rows = self._rows(signals)
        if self._memory is not None and rows != self._of:
            raise SignalError(
                f"signals are of shape {[*rows, 'size']}, before {[*self._of, 'size']}; allowed: reset first"
            )
        try:
            memory = self._policy.initial_memory(signals) if self._memory is None else self._memory
            position, velocity, self._memory = self._policy.step(signals, memory)
        except ValueError as error:
            raise SignalError(str(error)) from None
        self._of = rows
        return Targets(position, velocity)

    def __repr__(self) -> str:
        face = self.contract.interface
        return f"SteppedPolicy({self._path!r}: {face.task} for {face.robot}, {1 / face.control_dt:g} Hz)"

    def _rows(self, signals: Signals) -> tuple[int, ...]:
        """() of one robot, (n,) of n at once; SignalError where the policy cannot use these signals."""
        if unknown := sorted(set(signals) - set(self.signals)):
            raise SignalError(f"signals {unknown} are unknown; allowed: {sorted(self.signals)}")
        rows = set()
        for name, value in signals.items():
            try:
                array = np.asarray(value, np.float32)
            except (TypeError, ValueError):
                raise SignalError(f"{name} = {value!r}; allowed: numbers") from None
            if not np.isfinite(array).all():
                raise SignalError(f"{name} = {value!r}; allowed: finite numbers")
            rows.add(array.shape[:-1])
        if len(rows) > 1:
            raise SignalError(f"signals are of {sorted(rows)} robots; allowed: the same number in all")
        return rows.pop() if rows else ()


def load(path: str | PathLike[str]) -> SteppedPolicy:
    """A policy file, read, verified and tried out; PolicyFileError where it cannot be used."""
    return SteppedPolicy(path)
