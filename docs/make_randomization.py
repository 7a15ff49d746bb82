"""Writes docs/randomization.md from the code and from configs/randomization/catalogue.yaml: `make docs`.

What an effect says of itself is the docstring of its entry's class, the descriptions of its fields and its `Kind`s; a family
is a file of configs/entries, which begins with what it is about. Samplers are the classes of randomization/samplers.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import re
from collections.abc import Iterable
from typing import Any, get_args

from pydantic import BaseModel, TypeAdapter

from ashore.configs.entries import EFFECTS, ParameterSettings
from ashore.configs.entries.field import FIELD_UNITS, FieldParameter
from ashore.configs.loader import CONFIGS, read_mapping
from ashore.configs.space import Entry
from ashore.randomization import samplers
from docs.make_tasks import DOCS, table

PAGE = DOCS / "randomization.md"
PRESETS = CONFIGS / "randomization"
INTRODUCTION = """# Randomization

Everything that may differ between two simulated worlds, or between simulation and reality, is one named parameter with a
unit. An entry of a task's `randomization` is one such parameter, or one for each object it matches; all of them together
are the vector lambda that describes a world. A sampler draws lambda at the start of every episode, effects make the world
so, the critic sees it and the actor never does. This page is written by `make docs`, from the code.

## An entry

```yaml
randomization:
  preset: robot # what the robot's own YAML says of it
  friction: catalogue # an entry of the tables below, by its name
  friction_spin: { effect: contact, kind: spin, match: "puck|table", unit: m, nominal: 0.0, low: 0.0, high: 0.01 }
  payload: { high: 1.0 } # one value of an entry that the preset brings
  base_friction: null # takes an entry of the preset away
```

On the command line: `--set task.randomization.friction=catalogue`, then `--set task.randomization.friction.high=1.2`.
`--set task.randomization={}` randomizes nothing.

"""
BETWEEN = """
Patterns are regular expressions, matched whole; one that matches nothing is refused with the names there are. `{joints}`
in `match` stands for the robot's driven joints. With `each: true` every matched object has a parameter of its own,
`NAME[OBJECT]`. Two entries that would set the same value are refused.

What makes no world is refused before anything starts, naming the entry: a range upside down, a mass that may reach zero, a
friction or a delay below it, a delay that no buffer holds, joint limits that may cross, a name that nothing has.

An entry in rad reaches the hinges among the joints that it matches, and one in m the slides: a gripper's fingers have an
encoder bias or noise only where an entry in m gives them one.

## Pins and sweeps

A parameter can be held at one value in every world, anywhere within its `bounds`, inside or outside of what was trained:
`ashore sweep RUN --over friction,payload`, or `--over all`, measures success at values across their bounds while the others
are drawn ([sweeps.md](sweeps.md)). Where
an entry has one parameter for each object, its name holds all of them and `NAME[OBJECT]` one.

"""


def page() -> str:
    """The whole of docs/randomization.md."""
    rows = catalogue()
    parts = [INTRODUCTION, fields(Entry, skip=()), BETWEEN, "## Samplers\n\n", sampler_list(), "\n## Effects\n"]
    families: dict[str, list[str]] = {}
    for effect, entry in EFFECTS.items():
        families.setdefault(entry.__module__, []).append(effect)
    for module, effects in families.items():
        name = module.rsplit(".", 1)[-1]
        about = inspect.getdoc(importlib.import_module(module)) or ""
        about = re.sub("^Entries (about|that write) ", "", about).rstrip(".")
        parts.append(f"\n### {name.capitalize()}: {lower(about)}\n")
        for effect in effects:
            own = {n: r for n, r in rows.items() if type(r) is EFFECTS[effect]}
            parts.append(section(effect, EFFECTS[effect], own))
    parts.append(shared())
    return "".join(parts)


def catalogue() -> dict[str, Any]:
    """Every row, as the entry it is."""
    adapter: TypeAdapter[Any] = TypeAdapter(dict[str, ParameterSettings])
    found: dict[str, Any] = adapter.validate_python(read_mapping(PRESETS / "catalogue.yaml"))
    return found


def section(effect: str, entry: type[Entry], rows: dict[str, Any]) -> str:
    """An effect: its words, its own fields, its kinds, and the rows of the catalogue."""
    parts = [f"\n#### `effect: {effect}`\n\n{inspect.getdoc(entry)}\n\n", fields(entry, skip=Entry.model_fields)]
    if entry.kinds:
        kinds = (
            (f"`{k}`", v.meaning, v.unit or "of what it acts on", span(v.least, v.most)) for k, v in entry.kinds.items()
        )
        parts += ["\n", table(("kind", "meaning", "unit", "allowed"), kinds)]
    if entry is FieldParameter:
        known = ", ".join(f"`{name}` {unit}" for name, unit in FIELD_UNITS.items())
        parts.append(f"\nUnits of what is added or set: {known}; of other fields, the engine's.\n")
    head = ("in the catalogue", "what it does", "unit", "default", "ordinary range", "widest bounds", "source")
    return "".join((*parts, "\n", table(head, (row(name, r) for name, r in rows.items()))))


def row(name: str, entry: Any) -> tuple[str, ...]:
    low, high = entry.widest
    scale = ", log" if entry.distribution == "log" else ""
    return (
        f"`{name}`",
        what(entry),
        entry.unit,
        f"{entry.nominal:g}",
        f"{entry.low:g} to {entry.high:g}{scale}",
        f"{low:g} to {high:g}",
        entry.source,
    )


def what(entry: Any) -> str:
    """What an entry does and to which objects, in a few words."""
    if isinstance(entry, FieldParameter):
        does = {"scale": "scales", "add": "adds to", "set": "sets", "widen": "widens"}[entry.op]
        did = f"{does} {', '.join(f'`{f}`' for f in entry.field)}"
    else:
        did = type(entry).kinds[entry.kind].meaning if type(entry).kinds else first_line(type(entry))
    matched = [getattr(entry, k) for k in patterns(type(entry))]
    return (
        did
        + "".join(f", of `{m}`" for m in matched if m not in (".*", ".+"))
        + (", one each" * getattr(entry, "each", False))
    )


def patterns(entry: type[Entry]) -> list[str]:
    """Fields that hold regular expressions over names: text that is no part of every entry."""
    return [k for k, f in entry.model_fields.items() if f.annotation is str and k not in Entry.model_fields]


def fields(model: type[BaseModel], skip: Iterable[str]) -> str:
    """A table of a model's fields, without these and without what `kind` and `effect` say by themselves."""
    rows = []
    for name, field in model.model_fields.items():
        if name in skip or name in ("effect", "kind"):
            continue
        default = "needed" if field.is_required() else f"`{field.default!r}`".replace("''", "").replace("``", "")
        choices = [str(a) for a in get_args(field.annotation) if isinstance(a, str)]
        text = field.description or ""
        rows.append((f"`{name}`", text + (f" ({', '.join(f'`{c}`' for c in choices)})" if choices else ""), default))
    return table(("field", "meaning", "default"), rows) if rows else ""


def sampler_list() -> str:
    """Every sampler with the words of its class."""
    found = []
    for module in pkgutil.iter_modules(samplers.__path__):
        code = importlib.import_module(f"{samplers.__name__}.{module.name}")
        found += [
            f"- `{module.name}` ({name}): {sentence(inspect.getdoc(code) or '')}\n"
            for name, cls in inspect.getmembers(code, inspect.isclass)
            if cls.__module__ == code.__name__ and name.endswith("Sampler") and module.name != "base"
        ]
    return "".join(found)


def shared() -> str:
    """Spaces that presets share, with what their files say of them."""
    rows = []
    for path in sorted(PRESETS.glob("*.yaml")):
        if path.stem != "catalogue":
            comment = re.match(r"(?:# .*\n)+", path.read_text())
            rows.append((f"`{path.stem}`", re.sub(r"\s*\n?# ", " ", comment[0]).strip() if comment else ""))
    head = "\n## Default spaces\n\nWhat robots and tasks name as their `preset`, in configs/randomization/:\n\n"
    return head + table(("preset", "what it is, and after whom"), rows)


def span(least: float, most: float) -> str:
    if abs(least) == abs(most) == float("inf"):
        return "any"
    return f"at least {least:g}" if most == float("inf") else f"{least:.4g} to {most:.4g}"


def first_line(thing: Any) -> str:
    return lower((inspect.getdoc(thing) or "").splitlines()[0].rstrip("."))


def sentence(text: str) -> str:
    return lower(text.split("\n\n")[0].replace("\n", " "))


def lower(text: str) -> str:
    return text[:1].lower() + text[1:] if not text[1:2].isupper() else text


def main() -> None:
    PAGE.write_text(page())
    print(f"{len(catalogue())} rows of {len(EFFECTS)} effects in {PAGE}")


if __name__ == "__main__":
    main()
