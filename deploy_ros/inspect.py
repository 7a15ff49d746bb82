"""A policy's contract as text, for people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ashore.configs.card import Card
from ashore.configs.contract import Contract, JointSpec, MemorySpec, SignalSpec
from ashore.deploy_ros.groups import groups_of
from ashore.deploy_ros.inputs import where_of
from ashore.deploy_ros.messages import robots_own
from ashore.deploy_ros.profile import Profile
from ashore.deploy_ros.routes import route_of
from ashore.deploy_ros.settings import NodeSettings


def describe(contract: Contract, settings: NodeSettings | None = None, profile: Profile | None = None) -> str:
    """What goes in, what comes out, the limits it keeps, the worlds it has seen; topics, names and limits as a node with these
    settings and this profile has them."""
    settings = settings or NodeSettings()
    face = robots_own(contract.interface, settings)
    face = face if profile is None else profile.narrowed(face)
    sizes = {s.name: s.size for s in face.signals}
    success = (
        "not measured" if contract.success is None else f"{contract.success:.1%} of its last evaluation's episodes"
    )
    topics = {joint: group.topic for group in groups_of(face, settings) for joint in group.joints}
    parts = [
        f"{face.task} for {face.robot}, {1 / face.control_dt:g} Hz; {contract.trained_steps:,} steps; success {success}",
        f"format {contract.format}, ashore {contract.ashore_version}, settings {contract.settings_sha256[:16]}",
        "\nSignals in\n"
        + _table(
            ("name", "size", "unit", "kind", "frame", "stale after", "from", "what"),
            [
                (
                    s.name,
                    s.size,
                    s.unit,
                    s.kind,
                    s.frame,
                    _stale(s),
                    _topic(s, settings),
                    s.description,
                )
                for s in face.signals
            ],
        ),
        "\nMemory, in and out\n"
        + _table(
            ("name", "size", "unit", "starts as"),
            [(m.name, m.size, m.unit, _start(m, sizes)) for m in face.memory],
        ),
        "\nJoint targets out\n"
        + _table(
            ("joint", "low", "high", "velocity", "acceleration", "home", "kp", "kd", "to"),
            [
                (
                    j.name,
                    *(f"{x:g}" for x in (j.low, j.high, j.velocity, j.acceleration, j.home)),
                    *_gains(j),
                    topics[k],
                )
                for k, j in enumerate(face.joints)
            ],
        ),
        "\nTrained on\n" + (_ranges(contract) if contract.card is None else _card(contract.card)),
    ]
    return "\n".join(parts)


def _gains(joint: JointSpec) -> tuple[str, str]:
    """Of the servo in training; files of before say nothing of them."""
    return (f"{joint.kp:g}", f"{joint.kd:g}") if joint.kp else ("", "")


def _topic(signal: SignalSpec, settings: NodeSettings) -> str:
    """Where a node takes a signal from."""
    route = route_of(signal)
    if route is None:
        return "nowhere"
    return ", ".join(where_of(source, route.kind, settings) for source in route.sources)


def _stale(signal: SignalSpec) -> str:
    """A twist that stops coming is a command to stand still; a goal stays in force."""
    route = route_of(signal)
    stays = signal.kind == "command" and (route is None or route.kind != "twist")
    return "never" if stays else f"{signal.max_age:g} s"


def _ranges(contract: Contract) -> str:
    """What a file without a card says."""
    return _table(
        ("parameter", "unit", "nominal", "low", "high", "scale"),
        [(d.name, d.unit, f"{d.nominal:g}", f"{d.low:g}", f"{d.high:g}", d.distribution) for d in contract.trained_on],
    )


def _card(card: Card) -> str:
    """Where the ranges ended, what was left out."""
    settings = ", ".join(f"{name} {value}" for name, value in card.sampler.items() if name != "kind")
    entropy = "none" if card.entropy is None else f"{card.entropy:.3f} nats a parameter over its declared width"
    numbers = "".join(f"; {name} {value:.4g}" for name, value in card.numbers.items())
    rows = [
        (
            p.name,
            p.unit,
            *(f"{x:.4g}" for x in (p.nominal, p.low, p.high)),
            f"{p.declared[0]:g} to {p.declared[1]:g}",
            p.distribution,
            "none" if p.entropy is None else f"{p.entropy:.2f}",
            *("" if x is None else f"{x:.0%}" for x in (p.success_low, p.success_high)),
        )
        for p in card.parameters
    ]
    heads = ("parameter", "unit", "nominal", "low", "high", "declared", "scale", "entropy", "at low", "at high")
    shown = [k for k in range(len(heads)) if k < 8 or any(row[k] for row in rows)]
    return (
        f"  sampler {card.sampler.get('kind')}{f' ({settings})' if settings else ''}\n"
        f"  entropy {entropy}{numbers}; low and high are {card.ends}\n"
        + _table([heads[k] for k in shown], [[row[k] for k in shown] for row in rows])
        + f"\n\nNot randomized\n  {', '.join(card.not_randomized) or 'nothing of the catalogue'}"
    )


def _start(memory: MemorySpec, sizes: Mapping[str, int]) -> str:
    if memory.starts_as is None:
        return "zeros"
    times = memory.size // sizes[memory.starts_as]
    return memory.starts_as + (f", {times} times" if times > 1 else "")


def _table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    cells = [[str(c) for c in row] for row in (head, *rows)]
    widths = [max(len(row[i]) for row in cells) for i in range(len(head))]
    lines = ["  " + "  ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)).rstrip() for row in cells]
    return "\n".join((lines[0], "  " + "  ".join("-" * w for w in widths), *lines[1:]))
