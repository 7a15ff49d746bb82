"""A policy's contract as text, for people."""

from __future__ import annotations

from collections.abc import Sequence

from configs.contract import Contract


def describe(contract: Contract) -> str:
    """What goes in, what comes out, the limits it keeps, the worlds it has seen."""
    face = contract.interface
    success = (
        "not measured" if contract.success is None else f"{contract.success:.1%} of its last evaluation's episodes"
    )
    parts = [
        f"{face.task} for {face.robot}, {1 / face.control_dt:g} Hz; {contract.trained_steps:,} steps; success {success}",
        f"format {contract.format}, ashore {contract.ashore_version}, settings {contract.settings_sha256[:16]}",
        "\nSignals in\n"
        + _table(
            ("name", "size", "unit", "kind", "frame", "stale after", "what"),
            [
                (
                    s.name,
                    s.size,
                    s.unit,
                    s.kind,
                    s.frame,
                    "never" if s.kind == "command" else f"{s.max_age:g} s",
                    s.description,
                )
                for s in face.signals
            ],
        ),
        "\nMemory, in and out\n"
        + _table(
            ("name", "size", "unit", "starts as"),
            [(m.name, m.size, m.unit, m.starts_as or "zeros") for m in face.memory],
        ),
        "\nJoint targets out\n"
        + _table(
            ("joint", "low", "high", "velocity", "acceleration", "home"),
            [(j.name, *(f"{x:g}" for x in (j.low, j.high, j.velocity, j.acceleration, j.home))) for j in face.joints],
        ),
        "\nTrained on\n"
        + _table(
            ("parameter", "unit", "nominal", "low", "high", "scale"),
            [
                (d.name, d.unit, f"{d.nominal:g}", f"{d.low:g}", f"{d.high:g}", d.distribution)
                for d in contract.trained_on
            ],
        ),
    ]
    return "\n".join(parts)


def _table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    cells = [[str(c) for c in row] for row in (head, *rows)]
    widths = [max(len(row[i]) for row in cells) for i in range(len(head))]
    lines = ["  " + "  ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)).rstrip() for row in cells]
    return "\n".join((lines[0], "  " + "  ".join("-" * w for w in widths), *lines[1:]))
