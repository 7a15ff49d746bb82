"""What can be wrong with what comes to a node: each name with what sends it, now, to the controller of a `Storm`."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ashore.deploy_ros.inputs import Source

if TYPE_CHECKING:
    from ashore.benchmarks.node_faults import Storm

Faults = dict[str, Callable[[], Any]]
HUGE = (math.nan, math.inf, -math.inf, 1e308, -1e300, 10**400, 5e-324)  # and an integer beyond any float


def wrong_joint_states(storm: Storm) -> Faults:
    """In values, in names, in lengths, in stamps, in order; and too many, or none."""
    random, count = storm.random, len(storm.names)

    def sent(change: Callable[[list[Any], list[Any], list[Any]], Any], late: float = 0.0) -> None:
        names, q, v = list(storm.names), storm.q.tolist(), storm.v.tolist()
        change(names, q, v)
        storm.send(tuple(names), q, v, storm.now - late)

    def huge(values: list[Any]) -> None:
        values[random.integers(count)] = HUGE[random.integers(len(HUGE))]

    def moved(q: list[Any], way: float) -> None:
        q[random.integers(count)] += way

    def nothing(*_: Any) -> None: ...

    def several() -> None:
        for k in range(5):
            sent(nothing, -1e-4 * k)

    return {
        "position not finite": lambda: sent(lambda _n, q, _v: huge(q)),
        "velocity not finite": lambda: sent(lambda _n, _q, v: huge(v)),
        "jump": lambda: sent(lambda _n, q, _v: moved(q, random.normal())),
        "wrapped": lambda: sent(lambda _n, q, _v: moved(q, (-math.tau, math.tau)[random.integers(2)])),
        "joint missing": lambda: sent(lambda n, q, v: (n.pop(), q.pop(), v.pop())),
        "joint twice": lambda: sent(lambda n, _q, _v: n.__setitem__(0, n[-1])),
        "wrong length": lambda: sent(lambda _n, q, _v: q.append(0.0)),
        "text": lambda: sent(lambda _n, q, _v: q.__setitem__(0, "0.1")),
        "stamp backwards": lambda: sent(nothing, random.exponential()),
        "stamp ahead": lambda: sent(nothing, -random.exponential(1000.0)),
        "no stamp": lambda: sent(nothing, storm.now),
        "sent again": storm.send_again,
        "several at once": several,
        "silence": lambda: storm.fall_silent(int(random.integers(1, 40))),
    }


def wrong_signals(storm: Storm) -> Faults:
    """In goals, in what sensors tell beside the joints, in what a trajectory controller says of itself."""
    random = storm.random

    def unfit(values: list[Any]) -> list[Any]:
        values[random.integers(len(values))] = HUGE[random.integers(len(HUGE))]
        return values

    def signal() -> None:
        for source in storm.controller.inputs.sources.values():
            frame = ("", "base", "moon")[random.integers(3)]
            storm.controller.on_reading(source.name, unfit(plausible(storm, source)), frame, storm.now)

    def goal() -> None:
        values = unfit(random.normal(size=3).tolist())[: random.integers(1, 4)]
        storm.controller.on_goal(values, "", (1.0, 0.0, 0.0, 0.0), storm.now)

    def controller_state() -> None:
        values = unfit(random.normal(0.0, 3.0, len(storm.names)).tolist())
        storm.controller.on_controller_state(storm.names, values, values, storm.now)

    return {"signal": signal, "goal": goal, "controller state": controller_state}


def plausible(storm: Storm, source: Source) -> list[float]:
    """What a source might tell: a place in front of an arm, a turn, a slow motion."""
    random = storm.random
    turn = random.normal(size=4)
    turn = (turn / math.sqrt(float(turn @ turn))).tolist()
    if source.kind == "pose":
        return [
            float(random.uniform(0.3, 0.5)),
            float(random.uniform(-0.2, 0.2)),
            float(random.uniform(0.05, 0.3)),
            *turn,
        ]
    if source.kind == "imu":
        return [*random.normal(0.0, 0.5, 3).tolist(), *turn]
    return list(random.normal(0.0, 0.3, 6 if source.kind == "twist" else 1).tolist())
