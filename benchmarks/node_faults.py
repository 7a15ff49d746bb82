"""`ashore bench node --faults`: many random steps of a node's controller and gate, with everything wrong that can come in."""

from __future__ import annotations

import os
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from ashore.benchmarks.bad_policy import FAILURES, BadPolicy
from ashore.benchmarks.limits_judge import LimitsJudge
from ashore.benchmarks.suite import machine
from ashore.benchmarks.wrong_inputs import Faults, plausible, wrong_joint_states, wrong_signals
from ashore.configs.loader import load_run
from ashore.deploy_ros.bundle import Policy, load_policy
from ashore.deploy_ros.control import Controller
from ashore.deploy_ros.jtc import JointTrajectoryController
from ashore.deploy_ros.messages import trajectory_of
from ashore.deploy_ros.routes import GOAL
from ashore.deploy_ros.states import State
from ashore.files import commit
from ashore.runs import export_untrained

TASKS = ("arm_reach", "arm_lift", "quadruped_velocity")  # an arm; an arm and a gripper, which are two groups; legs
FAULTY = 0.02  # the share of steps at which something goes wrong: some 50 steps of motion between faults
OPENED = 0.1  # the chance, at each step at which a node holds, that it is reset or activated
STRETCH = 200  # steps for which a policy goes on in one way, and a robot with one lag
LAGS = (0.05, 0.2, 0.5, 0.9, 1.0)  # the share of its way that a robot goes in a control period


def bench_faults(
    tasks: Sequence[str], steps: int, seed: int, command: str, say: Callable[[str], None]
) -> dict[str, Any]:
    """So many faulty steps of each task's robot: what came in, what the gate said, and outputs outside any limit."""
    rows = []
    for task in tasks or TASKS:
        with tempfile.TemporaryDirectory() as folder:
            export_untrained(load_run(task), Path(folder) / "policy.onnx")
            storm = Storm(load_policy(Path(folder) / "policy.onnx"), seed)
        told = partial(_tell, say, task, steps)
        rows.append({"task": task, "joints": len(storm.names)} | storm.run(steps, told))
        rows[-1]["load_average"] = round(os.getloadavg()[0], 2)
        say(f"{task}: {steps} steps, {rows[-1]['outside']} outputs outside a limit, {rows[-1]['seconds']} s")
    return {"commit": commit(), "machine": machine(), "command": command, "seed": seed, "results": rows}


def _tell(say: Callable[[str], None], task: str, steps: int, done: int, outside: int) -> None:
    """How far it is, ten times."""
    if done % max(1, steps // 10) == 0 and done < steps:
        say(f"{task}: {done:,} of {steps:,} steps, {outside} outputs outside a limit")


class Storm:
    """A controller, a robot that follows it more or less, and what goes wrong between them; reproducible by its seed.

    q, v: [n] rad and rad/s, of the robot; now: s on the node's clock, which may be set back.
    """

    def __init__(self, policy: Policy, seed: int) -> None:
        self.random = np.random.default_rng(seed)
        self.policy = BadPolicy(policy, self.random)
        self.controller = Controller()
        self.controller.configure(self.policy)  # type: ignore[arg-type]  # as much of a policy as it uses
        self.interface = self.controller.interface
        self.names = tuple(j.name for j in self.interface.joints)
        home = np.array([j.home for j in self.interface.joints])
        self.q, self.v, self.now = home, np.zeros_like(home), 1000.0
        self._judge = LimitsJudge(self.interface)
        self._jtc, self._clock = JointTrajectoryController(self.names, home), 0.0  # s, of the world
        self._setpoint = self._jtc.setpoint(0.0)
        self._silent, self._blocked, self._share = 0, 0, 0.5
        self._last: Any = None  # the last joint state: names, position, velocity, stamp
        self._came, self._said, self._outside, self._raised = (Counter[str]() for _ in range(4))
        self._first = ""  # what was outside first
        self._faults = self._all_faults()
        self._fault_names = list(self._faults)

    def run(self, steps: int, told: Callable[[int, int], None] = lambda _done, _outside: None) -> dict[str, Any]:
        """So many steps; counts of all that happened. told: after each, how many are done and were outside a limit."""
        began = time.monotonic()
        with np.errstate(all="ignore"):
            for k in range(steps):
                self._step(k)
                told(k + 1, self._outside.total())
        return {
            "steps": steps,
            "seconds": round(time.monotonic() - began, 1),
            "outside": self._outside.total(),
            "outside_of": dict(self._outside),
            "first": self._first,
            "raised": dict(self._raised),
            "faults": dict(sorted(self._came.items())),
            "gate": dict(self._said.most_common()),
        }

    def send(self, names: Any, position: Any, velocity: Any, stamp: float) -> None:
        """A joint state comes, whatever it holds."""
        self._last = (names, position, velocity, stamp)
        self.send_again()

    def send_again(self) -> None:
        if self._last is not None:
            names, position, velocity, stamp = self._last
            self._guarded(lambda: self.controller.on_joint_state(names, position, velocity, stamp, self.now))

    def fall_silent(self, steps: int) -> None:
        """Nothing comes for so many."""
        self._silent = steps

    def _step(self, k: int) -> None:
        """A control period: the robot is seen, or is not; something may go wrong; the controller steps, and is judged."""
        if k % STRETCH == 0:
            self.policy.wanders = bool(self.random.random() < 0.7)
            self._share = LAGS[self.random.integers(len(LAGS))]
        self._pass(self.interface.control_dt * self.random.uniform(0.8, 1.2))
        self._sense()
        if self.random.random() < FAULTY:
            name = self._fault_names[self.random.integers(len(self._faults))]
            self._came[name] += 1
            self._guarded(self._faults[name])
        if self.controller.state is not State.ACTIVE or self.controller.latched or self.controller.stopped:
            self._go_on()
        output = self._guarded(lambda: self.controller.step(self.now))
        if output is None:
            return
        self._said[output.reason.name] += 1
        sent = trajectory_of(output.command, self.interface)
        if why := self._judge.look(output, sent, self.now, self._setpoint):
            self._outside[why] += 1
            self._first = self._first or f"step {k}: {why}; {output}"
        self._jtc.accept(sent, self._clock)

    def _guarded(self, call: Callable[[], Any]) -> Any:
        """What it gives; what it raises is counted, for a node would have failed of it."""
        try:
            return call()
        except Exception as error:
            self._raised[f"{type(error).__name__}: {error}"[:200]] += 1
            return None

    def _pass(self, seconds: float) -> None:
        """Time passes; the robot goes towards its controller's setpoint, or not at all while blocked."""
        self.now, self._clock = self.now + seconds, self._clock + seconds
        self._setpoint = self._jtc.setpoint(self._clock)
        way = (self._setpoint[0] - self.q) * self._share * (not self._blocked)
        self._blocked = max(0, self._blocked - 1)
        self.q, self.v = self.q + way, way / seconds

    def _sense(self) -> None:
        """A healthy robot's messages, with noise, now and then in another order and with a joint more."""
        if self._silent or self.controller.state is State.UNCONFIGURED:
            self._silent = max(0, self._silent - 1)
            return
        q, v, names = (self.q + self.random.normal(0.0, 1e-4, self.q.shape)).tolist(), self.v.tolist(), self.names
        if self.random.random() < 0.1:
            order = self.random.permutation(len(names))
            names, q, v = tuple(names[j] for j in order), [q[j] for j in order], [v[j] for j in order]
        if self.random.random() < 0.1:
            names, q, v = (*names, "of_somebody_else"), [*q, 0.0], [*v, 0.0]
        self.send(names, q, v, self.now)
        for source in self.controller.inputs.sources.values():
            if source.name != GOAL or self.random.random() < 0.02:
                self._guarded(partial(self.controller.on_reading, source.name, plausible(self, source), "", self.now))
        if self.random.random() < 0.5:
            for group in self.controller.groups:
                own = [self.names[joint] for joint in group.joints]
                setpoint, speed = (x[list(group.joints)].tolist() for x in self._setpoint)
                self._guarded(partial(self.controller.on_controller_state, own, setpoint, speed, self.now))

    def _go_on(self) -> None:
        """Now and then, whoever is in charge configures the node, activates it, or resets it."""
        controller = self.controller
        if self.random.random() > OPENED:
            return
        if controller.state is State.UNCONFIGURED:
            controller.configure(self.policy)  # type: ignore[arg-type]
        else:
            begins = controller.state is State.ACTIVE or not controller.stopped
            asked = controller.reset if controller.state is State.ACTIVE or controller.stopped else controller.activate
            if self._guarded(lambda: asked(self.now)) == "" and begins:
                self._judge.begin()

    def _all_faults(self) -> Faults:
        dt, random = self.interface.control_dt, self.random
        return {
            **{f"joint state: {name}": fault for name, fault in wrong_joint_states(self).items()},
            **{f"not fit: {name}": fault for name, fault in wrong_signals(self).items()},
            **{f"policy: {how}": partial(setattr, self.policy, "fails", how) for how in FAILURES},
            "clock: set back": lambda: self._set_clock(-random.exponential(0.1)),
            "clock: stands": lambda: self._set_clock(-dt),
            "loop: frozen": lambda: self._pass(random.uniform(0.1, 3.0)),
            "robot: blocked": lambda: setattr(self, "_blocked", int(random.integers(5, 60))),
            "robot: thrown": lambda: setattr(self, "q", self.q + random.normal(0.0, 0.3, self.q.shape)),
            "stop": self.controller.stop,
            "deactivated": self._deactivate,
            "cleaned up": self._clean_up,
        }

    def _set_clock(self, by: float) -> None:
        self.now += by

    def _deactivate(self) -> None:
        if self.controller.state is State.ACTIVE:
            self.controller.deactivate()

    def _clean_up(self) -> None:
        """As a manager may; then all begins anew."""
        if self.controller.state is State.INACTIVE and self.controller.at_rest:
            self.controller.cleanup()
            self._judge = LimitsJudge(self.interface)
