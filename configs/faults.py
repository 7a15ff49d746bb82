"""What is wrong with settings, in plain words: one line a fault, with the field, its value and what is allowed."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeVar, get_args

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from ashore.configs.algorithms import ALGORITHMS, DEFAULT, algorithm_of
from ashore.configs.entries import EFFECTS
from ashore.configs.errors import AshoreError
from ashore.configs.gymnasium_run import GymnasiumRunSettings, is_gymnasium
from ashore.configs.sampler import EACH, kind_of
from ashore.configs.schema import RunSettings

Model = TypeVar("Model", bound=BaseModel)
ENTRIES = ("task", "randomization")
# Settings of several kinds, told apart by their `kind`: all of them, how to tell, and which one is meant without a kind.
KINDS: dict[tuple[str, ...], tuple[Mapping[str, type[BaseModel]], Callable[[Any], Any], str]] = {
    ("sampler",): (EACH, kind_of, "uniform"),
    ("train", "algorithm"): (ALGORITHMS, algorithm_of, DEFAULT),
}
CHECKED_BY_TASK = ("task", "options"), ("task", "rewards"), ("gymnasium", "kwargs")
MOST_FAULTS = 20  # lines of one message
MOST_NAMES, LONGEST_NAME = 200, 60  # in the list of what is allowed

# What a field may hold, by the name pydantic gives the fault; {names} come from the fault's context.
ALLOWED = {
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "finite_number": "a finite number",
    "bool_type": "true or false",
    "string_type": "text",
    "tuple_type": "a list, as [1, 2]",
    "dict_type": "a mapping of names to settings",
    "model_type": "a mapping of names to settings",
    "union_tag_not_found": "a mapping of names to settings",
    "greater_than": "above {gt}",
    "greater_than_equal": "at least {ge}",
    "less_than": "below {lt}",
    "less_than_equal": "at most {le}",
    "too_short": "at least {min_length} value(s)",
    "too_long": "at most {max_length} value(s)",
    "literal_error": "{expected}",
    "union_tag_invalid": "{expected_tags}",
}


class ConfigError(AshoreError, ValueError):
    """Settings that cannot be used. The text is for a person: one line a fault."""


def explain(error: ValidationError, data: Any) -> ConfigError:
    """Every fault pydantic found in `data` (a run's settings), in plain words."""
    faults = error.errors(include_url=False)
    more = [f"and {len(faults) - MOST_FAULTS} more"] if len(faults) > MOST_FAULTS else []
    return ConfigError("\n".join([*(_line(fault, data) for fault in faults[:MOST_FAULTS]), *more]))


def read_as(model: type[Model], data: Any, source: str, whole: str) -> Model:
    """Plain data as settings that are no run's; ConfigError with a line for each fault. whole: what all of it is called."""
    try:
        return model.model_validate_json(json.dumps(data, default=str), strict=True)
    except ValidationError as error:
        faults = error.errors(include_url=False)[:MOST_FAULTS]
        raise ConfigError("\n".join(f"{source}: {_own_line(fault, model, whole)}" for fault in faults)) from None


def dotted(path: Sequence[str | int]) -> str:
    """`task.robot.kp[0]`, the way the command line writes it."""
    parts = (p if isinstance(p, int) or len(p) <= LONGEST_NAME else p[:LONGEST_NAME] + "..." for p in path)
    return "".join(f"[{p}]" if isinstance(p, int) else f".{p}" for p in parts).removeprefix(".")


def shown(value: Any, longest: int = 60) -> str:
    """A value as YAML would write it, cut where it is long."""
    text = repr(value) if isinstance(value, str) else json.dumps(value, default=str)
    return text if len(text) <= longest else text[: longest - 3] + "..."


def alternatives(name: str, known: Iterable[str]) -> str:
    """The close names first, then all that exist."""
    names = [n if len(n) <= LONGEST_NAME else n[:LONGEST_NAME] + "..." for n in sorted(known)]
    names = [*names[:MOST_NAMES], *([f"and {len(names) - MOST_NAMES} more"] if len(names) > MOST_NAMES else [])]
    close = difflib.get_close_matches(name[:LONGEST_NAME], names, n=3, cutoff=0.6)
    hint = f"did you mean {' or '.join(close)}? " if close else ""
    return f"{hint}allowed: {', '.join(names) if names else 'none exist'}"


def allowed_keys(path: Sequence[str], data: Any) -> list[str] | None:
    """Keys that settings may hold at `path`: None where any may stand, none where the value is no mapping."""
    path = tuple(path)
    if path[:2] in CHECKED_BY_TASK:
        return None
    if path == ENTRIES:
        return list(_at(path, data) or {})
    model = _model_at(path, data)
    return list(model.model_fields) if model else []


def run_model(data: Any) -> type[BaseModel]:
    """Which settings a run's plain data holds."""
    return GymnasiumRunSettings if is_gymnasium(data) else RunSettings


def sections(data: Any) -> tuple[str, ...]:
    """Those that a run's plain data may have."""
    return tuple(run_model(data).model_fields)


def _at(path: Sequence[str], data: Any) -> Any:
    for key in path:
        data = data.get(key) if isinstance(data, dict) else None
    return data


def _model_at(path: tuple[str, ...], data: Any) -> type[BaseModel] | None:
    if path[:2] == ENTRIES:
        entry = _at(path[:3], data)
        effect = entry.get("effect", "field") if isinstance(entry, dict) else "field"
        return EFFECTS.get(effect if isinstance(effect, str) else "", EFFECTS["field"]) if len(path) == 3 else None
    model = run_model(data)
    for depth, key in enumerate(path, 1):
        if path[:depth] in KINDS:
            each, kind_in, default = KINDS[path[:depth]]
            kind = kind_in(_at(path[:depth], data) or {})
            model = each.get(kind if isinstance(kind, str) else "", each[default])
            continue
        inner = _model_of(model.model_fields.get(key))
        if inner is None:
            return None
        model = inner
    return model


def _model_of(field: FieldInfo | None) -> type[BaseModel] | None:
    """The settings that a field holds, alone or beside None; None where it holds a value."""
    kinds = (field.annotation, *get_args(field.annotation)) if field else ()
    return next((k for k in kinds if isinstance(k, type) and issubclass(k, BaseModel)), None)


def _field_at(path: tuple[str, ...], data: Any) -> FieldInfo | None:
    model = _model_at(path[:-1], data) if path else None
    return model.model_fields.get(path[-1]) if model else None


def _line(fault: Any, data: Any) -> str:
    path = tuple(fault["loc"])
    if path[:2] == ENTRIES:
        path = path[:3] + path[4:]  # between an entry and its field pydantic names the kind of effect
    for union in KINDS:
        if path[: len(union)] == union:
            path = union + path[len(union) + 1 :]
    kind, context, name = fault["type"], fault.get("ctx", {}), dotted(path) or "settings"
    if kind == "value_error":
        text = str(context["error"])
        own = re.match(r"(\w+) (=|has) ", text)
        return f"{name}.{text}" if own and _field_at((*path, own[1]), data) else f"{name}: {text}"
    if kind == "extra_forbidden":
        return f"{name} is unknown; {alternatives(str(path[-1]), allowed_keys(path[:-1], data) or [])}"
    if kind == "missing":
        field = _field_at(path, data)
        return f"{name} is missing; allowed: {(field and field.description) or 'a value must be given'}"
    value = fault["input"]
    if kind == "union_tag_invalid":
        tag = "kind" if path in KINDS else "effect"
        name, value = f"{name}.{tag}", value[tag]
    return f"{name} = {shown(value)}; allowed: {_allowed(fault)}"


def _allowed(fault: Any) -> str:
    """What would not have been this fault."""
    context = fault.get("ctx", {})
    bounds = {key: f"{bound:g}" if isinstance(bound, float) else bound for key, bound in context.items()}
    return ALLOWED[fault["type"]].format(**bounds) if fault["type"] in ALLOWED else str(fault["msg"])


def _own_line(fault: Any, model: type[BaseModel], whole: str) -> str:
    """A fault in settings of one model, whose parts are told apart by their names alone."""
    path, kind = tuple(fault["loc"]), fault["type"]
    name = dotted(path) or whole
    if kind == "value_error":
        return f"{name}: {fault['ctx']['error']}"
    if kind == "missing":
        return f"{name} is missing"
    if kind == "extra_forbidden":
        inner: type[BaseModel] | None = model
        for key in path[:-1]:
            inner = _model_of(inner.model_fields.get(str(key))) if inner else None
        return f"{name} is unknown; {alternatives(str(path[-1]), inner.model_fields if inner else ())}"
    return f"{name} = {shown(fault['input'])}; allowed: {_allowed(fault)}"
