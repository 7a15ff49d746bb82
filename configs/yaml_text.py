"""YAML as plain data, read as if a stranger had written it, and written so that it reads back equal.

Numbers, booleans and null follow YAML 1.2 (`1e-3` is a number, `yes` and `on` are text); `1_000` is one thousand.
Refused, with the line: more than 1 MiB, very many keys and values, anchors and aliases, tags, keys given twice, keys
that are no text, numbers that are not finite.
"""

from __future__ import annotations

import math
import os
import re
from pathlib import Path
from typing import Any

import yaml

from ashore.configs.faults import ConfigError

MAX_BYTES = 1 << 20
MAX_DEPTH = 32
MAX_DIGITS = 40
MAX_NODES = 20_000  # keys and values

_STR_TAG = "tag:yaml.org,2002:str"
# Each kind of plain scalar that is not text: what it looks like and the characters it may start with ('' stands for none).
_SCALARS = {
    "tag:yaml.org,2002:null": (re.compile(r"(~|null|Null|NULL|)\Z"), ["~", "n", "N", ""]),
    "tag:yaml.org,2002:bool": (re.compile(r"(true|True|TRUE|false|False|FALSE)\Z"), list("tTfF")),
    "tag:yaml.org,2002:int": (re.compile(r"[-+]?[0-9]+(_[0-9]+)*\Z"), list("-+0123456789")),
    "tag:yaml.org,2002:float": (
        re.compile(
            r"([-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN))\Z", re.ASCII
        ),
        list("-+.0123456789"),
    ),
}


def load_text(text: str, source: str) -> Any:
    """The plain data in `text`; `source` is what error messages call it."""
    try:
        if len(text.encode()) > MAX_BYTES:
            raise ConfigError(f"{source} is larger than {MAX_BYTES} bytes; allowed: at most that")
        loader = _Loader(text)
        try:
            return loader.get_single_data()
        finally:
            loader.dispose()
    except yaml.YAMLError as error:
        raise ConfigError(_yaml_fault(error, source)) from None
    except UnicodeError:
        raise ConfigError(f"{source} holds characters that are not Unicode; allowed: UTF-8 text") from None


def load_file(path: Path) -> Any:
    """The plain data in a YAML file."""
    if not os.path.isfile(path):
        raise ConfigError(f"{path} does not exist; allowed: a YAML file")
    try:
        with open(path, "rb") as file:
            raw = file.read(MAX_BYTES + 1)
        return load_text(raw.decode(), str(path))
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ConfigError(f"{path} is not UTF-8 text; allowed: a YAML file") from None


def dump_text(data: Any) -> str:
    """`data` as YAML that `load_text` reads back equal."""
    return yaml.dump(data, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=120)


def _yaml_fault(error: yaml.YAMLError, source: str) -> str:
    mark = getattr(error, "problem_mark", None)
    where = f"{source}, line {mark.line + 1}" if mark else source
    parts = [getattr(error, name, None) for name in ("context", "problem", "reason")]
    return f"{where}: {', '.join(part for part in parts if part) or 'not YAML'}"


class _Refused(yaml.MarkedYAMLError):
    def __init__(self, problem: str, node: Any) -> None:
        super().__init__(problem=problem, problem_mark=node.start_mark)


class _Loader(yaml.SafeLoader):
    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012 (PyYAML's own shape)
    depth = 0
    nodes = 0

    def compose_node(self, parent: Any, index: Any) -> Any:
        event = self.peek_event()
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            raise _Refused("anchors and aliases (& and *) are not allowed; write the values out", event)
        if getattr(event, "tag", None) is not None:
            raise _Refused("tags (!) are not allowed; quote text that starts with one", event)
        if self.depth >= MAX_DEPTH:
            raise _Refused(f"nested too deep; allowed: {MAX_DEPTH} levels", event)
        if self.nodes >= MAX_NODES:
            raise _Refused(f"too many keys and values; allowed: {MAX_NODES}", event)
        self.depth, self.nodes = self.depth + 1, self.nodes + 1
        try:
            return super().compose_node(parent, index)
        finally:
            self.depth -= 1

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
        seen: set[str] = set()
        for key, _ in node.value:
            if key.tag != _STR_TAG:
                raise _Refused("a key that is no text; allowed: names (quote a number that is one)", key)
            if key.value in seen:
                raise _Refused(f"{key.value} is given twice; allowed: each key once", key)
            seen.add(key.value)
        return super().construct_mapping(node, deep)

    def construct_yaml_int(self, node: Any) -> int:
        if len(node.value) > MAX_DIGITS:
            raise _Refused(f"a number of {len(node.value)} digits; allowed: at most {MAX_DIGITS}", node)
        return int(node.value)

    def construct_yaml_float(self, node: Any) -> float:
        value = math.inf if node.value[-1] in "fFnN" else float(node.value)
        if not math.isfinite(value):
            raise _Refused(f"{node.value}; allowed: a finite number", node)
        return value


class _Dumper(yaml.SafeDumper):
    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012 (PyYAML's own shape)

    def ignore_aliases(self, data: Any) -> bool:
        return True

    def represent_text(self, data: str) -> yaml.ScalarNode:
        lines = data.split("\n")  # a text of several lines, such as a robot's model, stays readable
        block = len(lines) > 1 and all(line.isprintable() for line in lines)
        return self.represent_scalar(_STR_TAG, data, style="|" if block else None if data.isprintable() else '"')

    def represent_list(self, data: Any) -> yaml.SequenceNode:
        flat = not any(isinstance(value, dict | list) for value in data)
        return self.represent_sequence("tag:yaml.org,2002:seq", data, flow_style=flat)


for _tag, (_pattern, _first) in _SCALARS.items():
    _Loader.add_implicit_resolver(_tag, _pattern, _first)
    _Dumper.add_implicit_resolver(_tag, _pattern, _first)
_Loader.add_constructor("tag:yaml.org,2002:int", _Loader.construct_yaml_int)
_Loader.add_constructor("tag:yaml.org,2002:float", _Loader.construct_yaml_float)
_Dumper.add_representer(str, _Dumper.represent_text)
_Dumper.add_representer(list, _Dumper.represent_list)
