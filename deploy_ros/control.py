"""One control step and the states of a managed node, free of any transport: joint state -> signals -> graph -> gate."""

from __future__ import annotations

from collections.abc import Sequence
from time import perf_counter

import numpy as np

from ashore.configs.contract import TARGET, TARGET_VELOCITY, Interface
from ashore.deploy_ros.boundary import Boundary
from ashore.deploy_ros.bundle import Memory, Policy
from ashore.deploy_ros.deadman import DeadMan
from ashore.deploy_ros.explanations import JOINT_STATE, Explanation
from ashore.deploy_ros.feedback import Feedback
from ashore.deploy_ros.following import Measured
from ashore.deploy_ros.gate_memory import GateMemory
from ashore.deploy_ros.groups import Setpoints, groups_of, require_gripper
from ashore.deploy_ros.homing import Homing
from ashore.deploy_ros.inputs import Inputs
from ashore.deploy_ros.interlock import Interlock
from ashore.deploy_ros.latency import LatencyMeter
from ashore.deploy_ros.messages import MessageError, numbers, robots_own
from ashore.deploy_ros.profile import Profile
from ashore.deploy_ros.ramp import ramped
from ashore.deploy_ros.reasons import Reason
from ashore.deploy_ros.refusals import Refusals
from ashore.deploy_ros.routes import GOAL
from ashore.deploy_ros.safety import Command, Gate
from ashore.deploy_ros.settings import RESET_TOPIC, NodeSettings
from ashore.deploy_ros.shadow import beside
from ashore.deploy_ros.states import Output, State, Status, TransitionError
from ashore.deploy_ros.timing import Timing
from ashore.deploy_ros.transforms import Transform
from ashore.deploy_ros.variants import mode_of, variant_of

COMES_BACK = (Reason.STALE, Reason.SIGNAL_STALE)  # what may be over by itself


class Controller:
    """A policy behind its gate. Times are seconds of one monotonic clock; messages come in as plain sequences.

    Methods that may refuse give the reason, or the empty string where they did what was asked.
    """

    def __init__(self, settings: NodeSettings | None = None, profile: Profile | None = None) -> None:
        """profile: of the robot, whose limits are narrower than a policy file's; its settings are among `settings`."""
        self.settings, self._profile = settings or NodeSettings(), profile
        self.interlock = Interlock(DeadMan(*self.settings.switch))
        self.state = State.UNCONFIGURED
        self.steps = self.skipped = 0
        self.refusals = Refusals()
        self.reset_topic = RESET_TOPIC
        self.timing = Timing()
        self.delays: LatencyMeter | None = None  # once configured
        self._clear()

    @property
    def _measured(self) -> Measured | None:
        """The last joint state that could be used; None before the first."""
        return self._feedback.measured

    def _clear(self) -> None:
        self._feedback = Feedback()
        self.interlock.clear()
        self._explanation = Explanation(self.refusals, self.interlock, self.settings.state_topic)
        self.arrived = False  # home, where that is all that was asked
        self._begun = 0.0  # s, monotonic, when the policy began to drive
        self._gate_memory: GateMemory | None = None
        self._policy_memory: Memory = {}

    def configure(self, policy: Policy) -> None:
        """unconfigured -> inactive. AshoreError where the settings do not fit the policy: no message carries one of its
        signals, the profile is of another robot, or what is asked for it cannot do."""
        self._require("configure", State.UNCONFIGURED)
        settings = self.settings
        self.given, self.policy = policy, variant_of(policy, settings)
        self.interface = interface = self._robots_own(self.policy.contract.interface)
        full = self._robots_own(policy.contract.interface).joints  # not slowed down
        self.inputs = Inputs(interface, settings)
        filter_time = settings.velocity_filter if settings.derive_velocity else None
        needs_velocity = any(s.name == "joint_velocity" for s in interface.signals)
        self._feedback = Feedback(full, needs_velocity, filter_time)
        require_gripper(interface, settings, self._profile.settings if self._profile is not None else {})
        self.groups = groups_of(interface, settings)
        self._setpoints = Setpoints(interface, self.groups)
        heard = {s.label: tuple(name for name, _ in s.ages) for s in self.inputs.sources.values() if s.ages}
        self.delays = LatencyMeter(self.policy.contract, {JOINT_STATE: ("joint_position",)} | heard)
        forward, boundary = settings.output != "trajectory", Boundary.of(interface, settings.box)
        self.gate = Gate.of(
            interface, settings.tracking_lag, settings.tracking_time, forward=forward, boundary=boundary
        )
        self.state = State.INACTIVE

    def _robots_own(self, interface: Interface) -> Interface:
        """A policy's interface with the robot's joint names and limits."""
        own = robots_own(interface, self.settings)
        return own if self._profile is None else self._profile.narrowed(own)

    def activate(self, now: float) -> str:
        """inactive -> active, from where the robot stands; refused where `missing` names something."""
        self._require("activate", State.INACTIVE)
        why = self.missing(now) if self.at_rest else Reason.BRAKING.value
        if why or self._measured is None:
            return why
        self._begin(self.gate.seed(self._measured, now, self._gate_memory), self._measured, now)
        self.state = State.ACTIVE
        return ""

    def deactivate(self) -> None:
        """active -> inactive. The steps that follow brake and then hold."""
        self._require("deactivate", State.ACTIVE)
        self.state = State.INACTIVE

    def cleanup(self) -> None:
        """inactive -> unconfigured; forgets the policy, the state and the goal, but not an emergency stop."""
        self._require("cleanup", State.INACTIVE)
        self._clear()
        self.state = State.UNCONFIGURED

    def shutdown(self) -> None:
        """Any state but finalized -> finalized."""
        self._require("shutdown", State.UNCONFIGURED, State.INACTIVE, State.ACTIVE)
        self.state = State.FINALIZED

    def _require(self, transition: str, *allowed: State) -> None:
        if self.state not in allowed:
            raise TransitionError(f"{transition} while {self.state.value}; allowed: {[s.value for s in allowed]}")

    def missing(self, now: float) -> str:
        """What keeps the node from being activated; empty where nothing does."""
        return f"{Reason.ESTOP.value}; publish true to {self.reset_topic}" if self.stopped else self._unready(now)

    def _unready(self, now: float) -> str:
        """What the policy still needs to start from where the robot stands; empty where nothing."""
        joint_states = self.settings.state_topic
        if self._measured is None:
            return f"no joint state on {joint_states}{self._explanation.of_missing(JOINT_STATE)}"
        if (unfit := self.gate.unfit(self._measured, now)) is not Reason.OK:
            return unfit.value + self._explanation.of_state(unfit, self._measured, now)
        if why := self._feedback.implausible():
            return why
        if why := self.gate.leaves(Command(self._measured.position, np.zeros_like(self._measured.position))):
            return why
        if why := self.interlock.deadman.open(now):
            return why
        if (source := self.inputs.missing(now)) is not None:
            return f"no {source.label} on {source.where}{self._explanation.of_missing(source.label)}"
        return self.inputs.stale(now)

    def step(self, now: float) -> Output | None:
        """The next target; None where the node has not been active yet."""
        began = perf_counter()
        if self._gate_memory is None:
            return None
        measured = self._feedback.next()
        if self.settings.auto_reset and self._gate_memory.latched in COMES_BACK and not self.interlock.shut:
            self._reset(now)
        if self.settings.shadow:
            self._go_with(measured, now)
        lost = self.inputs.stale(now)
        self._explanation.lost = lost or self._explanation.lost
        may_move = self._may_move(now)
        command, before = self._command(measured, now) if may_move and not lost else None, self._gate_memory
        stop, reference, failed = self.stopped, self._reference(), bool(self.interlock.failed)
        self._gate_memory, safe, reason = self.gate(before, command, measured, now, stop, reference, bool(lost), failed)
        self._explanation.remember(reason, before, command, self.gate, self._measured, now)
        self._account(safe, reason, now)
        self.timing.stepped(perf_counter() - began)
        return Output(safe, reason, self._status(reason, now))

    def brake(self, now: float) -> Command | None:
        """What brakes and then holds, whatever state the node is in; None where it has not been active. Needs no policy."""
        if self._gate_memory is None:
            return None
        self._gate_memory, safe, _ = self.gate(
            self._gate_memory, None, self._measured, now, self.stopped, self._reference()
        )
        return safe

    def _go_with(self, measured: Measured | None, now: float) -> None:
        """As a shadow: the next command begins where the robot is."""
        if not self._drives or self._gate_memory is None:
            return
        if measured is None or self.gate.unfit(measured, now) is not Reason.OK:
            return
        self._gate_memory = beside(measured, self.gate.limits, self._gate_memory.time)
        self._go_on_from(self._gate_memory.position, self._gate_memory.velocity)

    def _may_move(self, now: float) -> bool:
        """Whether the dead-man switch lets the robot move; once it has not, only from where the robot stands, at rest.

        Whatever else it holds for takes a reset.
        """
        lock = self.interlock
        if not lock.pauses(now) and lock.paused and self._drives and self.at_rest and not lock.shut:
            if (why := self._unready(now)) or self._measured is None:
                lock.paused = f"holding since the dead-man switch was let go: {why}"
            else:
                self._begin(self.gate.seed(self._measured, now, self._gate_memory), self._measured, now)
        return not lock.paused

    def _command(self, measured: Measured | None, now: float) -> Command | None:
        """What the policy asks for; None where it must not be asked."""
        if not self._drives or self.stopped or self._gate_memory is None:
            return None
        if measured is None or self.gate.unfit(measured, now) is not Reason.OK:
            return None
        signals = self.inputs.signals(measured, now)
        try:
            position, velocity, self._policy_memory = self.policy.step(signals, self._policy_memory)
            asked, elapsed, ramp = Command(position, velocity), now - self._begun, self.settings.ramp
            if elapsed >= ramp:
                return asked
            return ramped(asked, self._gate_memory, elapsed / ramp, self.gate.limits, self.interface.control_dt)
        except Exception as error:  # onnxruntime's errors share no other base
            self.refusals.last = f"the policy failed: {error}"
            self._explanation.failure = str(error)
            nothing = np.full(len(self.interface.joints), np.nan)  # no finite answer: the gate shuts
            return Command(nothing, nothing)

    def _reference(self) -> Measured | None:
        """Where trajectory controllers say that they stand, [n] joints; forward controllers are where they were told."""
        memory = self._gate_memory
        return None if memory is None else self._setpoints.of_all(memory.position, memory.velocity)

    def _account(self, safe: Command, reason: Reason, now: float) -> None:
        """Take note of what goes out."""
        self.steps += 1
        if reason.drives:
            self._go_on_from(safe.position, safe.velocity)
            self.arrived = self.arrived or self._is_home(safe)
        if self.delays is not None and self._measured is not None:
            ages = {JOINT_STATE: now - self._measured.time} | self.inputs.ages(now)
            self.delays.step(now, safe, ages if reason.drives else {})  # the policy saw nothing of a hold

    def _go_on_from(self, position: np.ndarray, velocity: np.ndarray) -> None:
        """The policy remembers the target that goes out, [n] rad and rad/s, as its own: else that would run away."""
        self._policy_memory |= {TARGET: position.astype(np.float32), TARGET_VELOCITY: velocity.astype(np.float32)}

    def _begin(self, memory: GateMemory, measured: Measured, now: float) -> None:
        """Gate and policy start from the same measurement, and the dead-man switch counts as it is held."""
        self.interlock.begin()
        self.arrived, self._begun = False, now
        self._policy_memory = self.policy.initial_memory(self.inputs.signals(measured, now))
        self._gate_memory = memory
        self._feedback.begin()

    def _status(self, reason: Reason, now: float) -> Status:
        age = now - self._measured.time if self._measured is not None else -1.0
        counts, mode = (self.steps, self.skipped, self.refusals.count), mode_of(self.settings)
        text = self._explanation.text(reason)
        return Status(self.state.value, text, self.latched, *counts, round(age, 6), self.timing.last, mode)

    @property
    def latched(self) -> bool:
        """Whether the gate is shut until a reset."""
        return self._gate_memory is not None and self._gate_memory.latched is not None

    @property
    def at_rest(self) -> bool:
        """Whether the last command is a hold."""
        return self._gate_memory is None or self._gate_memory.at_rest

    @property
    def _drives(self) -> bool:
        """Whether the robot moves as the policy says; else a clock that stamps its messages may be set back."""
        return self.state is State.ACTIVE and not self.latched

    def _is_home(self, target: Command) -> bool:
        """Whether the way home is done: the target is there, at rest, and the robot stands."""
        if not isinstance(self.policy, Homing):
            return False
        return self.at_rest and self.policy.is_at(target.position) and not self._feedback.implausible()

    @property
    def at_home(self) -> str:
        """What to say at the end of the way home."""
        if self._measured is None or not isinstance(self.policy, Homing):
            return ""
        return f"{'' if self.arrived else 'not '}at home; {self.policy.furthest(self._measured.position)}"

    def published(self, now: float) -> None:
        """The caller has sent what the last step gave."""
        self.timing.sent(now, self.interface.control_dt, last=self.state is not State.ACTIVE)

    def overran(self, periods: int) -> None:
        """Count control periods that the caller had to skip."""
        self.skipped += periods

    def latency(self) -> tuple[float, float, float]:
        """Median, 99th percentile and maximum of the last steps' durations, s."""
        return self.timing.latency()

    def stop(self) -> None:
        """Emergency stop: the next step brakes, and neither gate nor activation opens until `reset`. Holds in any state."""
        self.interlock.stopped = True

    @property
    def stopped(self) -> bool:
        """Whether an emergency stop is in force."""
        return self.interlock.stopped

    def reset(self, now: float) -> str:
        """Open the gate again, from where the robot stands; while inactive, only lift an emergency stop.

        Where joint states were refused because they jumped, this is what says that the robot is there.
        """
        feedback, before = self._feedback, self._measured
        shut_at_rest = self.state is State.ACTIVE and self.latched and self.at_rest
        if shut_at_rest and (there := feedback.elsewhere) is not None:
            feedback.measured = there
        if why := self._reset(now):
            feedback.measured = before
        else:
            feedback.go_on_elsewhere()
        return why

    def _reset(self, now: float) -> str:
        if self.state is State.INACTIVE and self.stopped:
            if not self.at_rest:
                return Reason.BRAKING.value
            self.interlock.stopped = False
            return ""
        if self.state is not State.ACTIVE or self._gate_memory is None:
            return f"reset while {self.state.value}"
        if not self.latched:
            return Reason.BRAKING.value if self.stopped else self.interlock.renew(now)
        if self.stopped and self._gate_memory.latched is not Reason.ESTOP:
            return Reason.BRAKING.value  # no step has seen the stop: a reset sent before it must not undo it
        if why := self._unready(now):
            return why
        memory, reason = self.gate.reset(self._gate_memory, self._measured, now)
        if reason is not Reason.OK or self._measured is None:
            return reason.value
        self.interlock.stopped = False
        self._begin(memory, self._measured, now)
        return ""

    @property
    def _listens(self) -> bool:
        return self.state in (State.INACTIVE, State.ACTIVE)

    def _deaf(self, what: str) -> str:
        """Refuse a message that comes while nobody listens."""
        return self.refusals.add(what, f"it comes while {self.state.value}")

    def on_joint_state(
        self, names: Sequence[str], position: Sequence[float], velocity: Sequence[float], stamp: float, now: float
    ) -> str:
        """Take a JointState received at `now`; `stamp`: s of its header, 0 where it has none."""
        if not self._listens:
            return self._deaf(JOINT_STATE)
        running = self.state is State.ACTIVE or not self.at_rest
        try:
            self._feedback.require_newer(stamp, driven=self._drives)
            self.inputs.take_joints(names, position, velocity, now)
            measured = self._feedback.take(names, position, velocity, now, stamp, running=running)
        except (MessageError, TypeError, ValueError) as error:
            return self.refusals.add(JOINT_STATE, str(error))
        self.refusals.over(JOINT_STATE)
        if self.delays is not None:
            self.delays.motion.seen(now, measured.position)
        return ""

    def on_controller_state(
        self, names: Sequence[str], position: Sequence[float], velocity: Sequence[float], now: float
    ) -> str:
        """Take the setpoint that a trajectory controller says it is at, [n] rad and rad/s, received at `now`.

        The node does without: what cannot be used is as if it had not come, and no refusal that is counted.
        """
        if not self._listens:
            return f"controller state while {self.state.value}"
        near = None if self._measured is None else self._measured.position
        return self._setpoints.take(names, position, velocity, now, near)

    def on_goal(
        self,
        position: Sequence[float],
        frame: str,
        orientation: Sequence[float] = (1.0, 0.0, 0.0, 0.0),
        now: float = 0.0,
    ) -> str:
        """Take a goal, [3] m and wxyz in the robot's base frame. It stays in force until the next."""
        try:
            if numbers("position", position).shape != (3,):
                return self.refusals.add("goal", f"{list(position)}; allowed: 3 finite values")
        except MessageError as error:
            return self.refusals.add("goal", f"{error}; allowed: 3 finite values")
        return self.on_reading(GOAL, (*position, *orientation), frame, now)

    def on_reading(self, source: str, values: Sequence[float], frame: str, now: float, stamp: float = 0.0) -> str:
        """Take what came at `now` for one of the policy's sources, see `Inputs`; `stamp`: s of its header, 0 where it has none.

        What comes with the stamp of the one before is that one, sent again by who has seen nothing since.
        """
        if not self._listens:
            return self._deaf(source)
        if (known := self.inputs.sources.get(source)) is None:
            return ""  # a policy without this source
        try:
            self.inputs.take(source, values, frame, now, stamp, running=self._drives)
        except MessageError as error:
            return self.refusals.add(known.label, str(error))
        self.refusals.over(known.label)
        return ""

    def on_transforms(self, transforms: Sequence[Transform], static: bool, now: float) -> str:
        """Take what came at `now` of the TF tree."""
        if self._listens:
            self.inputs.take_transforms(transforms, static, now, running=self._drives)
        return ""

    def on_deadman(self, pressed: bool, now: float) -> str:
        """Take what a message of the dead-man switch said."""
        self.interlock.deadman.take(pressed, now)
        return ""

    def on_gripper(self, why: str) -> None:
        """Take what a gripper did not do that it was told: the next step brakes, and the gate stays shut until a reset."""
        self.interlock.failed = why
