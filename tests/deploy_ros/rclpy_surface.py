"""What the ROS 2 shell uses of rclpy, and what rclpy's sources define, both read from source text: nothing is imported.

`python -m tests.deploy_ros.rclpy_surface humble=FOLDER jazzy=FOLDER kilted=FOLDER` rewrites rclpy_surface.json from folders of
rclpy's Python files, of those distributions.
"""

from __future__ import annotations

import ast
import inspect
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
TABLE = Path(__file__).with_suffix(".json")
FILES = sorted(
    [*(ROOT / "deploy_ros").glob("rclpy_*.py")]
    + [ROOT / "deploy_ros" / f"{name}.py" for name in ("autostart", "lifecycle_node", "transitions")]
)

# Where rclpy defines what is used of its objects, by the name that it is used by.
MEMBERS = {
    **{
        name: f"node.Node.{name}"
        for name in (
            "add_on_set_parameters_callback",
            "create_publisher",
            "create_subscription",
            "create_timer",
            "declare_parameter",
            "destroy_node",
            "destroy_publisher",
            "destroy_subscription",
            "destroy_timer",
            "get_logger",
            "get_name",
            "get_parameter",
            "get_publishers_info_by_topic",
            "resolve_topic_name",
            "services",
        )
    },
    **{
        f"on_{name}": f"lifecycle.managed_entity.ManagedEntity.on_{name}"
        for name in ("configure", "activate", "deactivate", "cleanup", "shutdown", "error")
    },
    **{f"trigger_{n}": f"lifecycle.node.LifecycleNodeMixin.trigger_{n}" for n in ("configure", "activate", "shutdown")},
    **{name: f"executors.Executor.{name}" for name in ("add_node", "spin_once")},
    **{name: f"publisher.Publisher.{name}" for name in ("publish", "get_subscription_count", "wait_for_all_acked")},
    **{name: f"impl.rcutils_logger.RcutilsLogger.{name}" for name in ("info", "warning", "error", "fatal")},
    **{name: f"subscription.Subscription.{name}" for name in ("handle", "msg_type", "raw", "callback")},
    "srv_type": "service.Service.srv_type",
    **{name: f"action.client.ActionClient.{name}" for name in ("destroy", "send_goal_async", "server_is_ready")},
    **{
        name: f"action.client.ClientGoalHandle.{name}" for name in ("accepted", "cancel_goal_async", "get_result_async")
    },
    **{name: f"task.Future.{name}" for name in ("add_done_callback", "result", "exception")},
    "cancel": "timer.Timer.cancel",
    "node_name": "topic_endpoint_info.TopicEndpointInfo.node_name",
}
# Used only where `hasattr` finds it.
GUARDED = {
    "CallbackType": "subscription.Subscription.CallbackType",
    "_callback_type": "subscription.Subscription._callback_type",
}
# Of the part of rclpy that is C++: rclpy's own Python files use them, as we do, or its sources name them.
COMPILED = {
    "take_message": "executors.py: sub.handle.take_message(sub.msg_type, sub.raw)",
    "SignalHandlerOptions.NO": "__init__.py: SignalHandlerOptions.NO",
    "TransitionCallbackReturn.SUCCESS": "lifecycle/node.py",
    "TransitionCallbackReturn.FAILURE": "src/rclpy/lifecycle.cpp: the enumeration has SUCCESS, FAILURE and ERROR",
}


class Use(NamedTuple):
    """A name of rclpy, as "node.Node.get_name"; where it is called, with how many arguments, and which by name."""

    name: str
    place: str
    positional: int | None = None
    keywords: tuple[str, ...] = ()


def uses(path: Path) -> Iterator[Use]:
    """What one of our files uses."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    imported: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "rclpy":
            for alias in node.names:
                imported[alias.asname or alias.name] = f"{node.module}.{alias.name}".removeprefix("rclpy.")
        if isinstance(node, ast.Import) and any(alias.name == "rclpy" for alias in node.names):
            imported["rclpy"] = ""
    yield from (Use(name, f"{path.name}: import") for name in imported.values() if name)
    called = {id(node.func): node for node in ast.walk(tree) if isinstance(node, ast.Call)}
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef):
            yield from _base_called(node, imported, path.name)
        if isinstance(node, ast.Name | ast.Attribute) and (name := _name_of(node, imported)):
            place = f"{path.name}:{node.lineno}"
            call = called.get(id(node))
            if call is None:
                yield Use(name, place)
            else:
                keywords = tuple(k.arg for k in call.keywords if k.arg)
                yield Use(name, place, len(call.args), keywords)


def _base_called(node: ast.ClassDef, imported: dict[str, str], file: str) -> Iterator[Use]:
    """The constructor of rclpy's class that one of ours derives from; a LifecycleNode hands the rest on to its Node."""
    bases = [imported[b.id] for b in node.bases if isinstance(b, ast.Name) and b.id in imported]
    for call in ast.walk(node):
        if bases and isinstance(call, ast.Call) and ast.unparse(call.func) == "super().__init__":
            keywords = tuple(k.arg for k in call.keywords if k.arg)
            for name in (*bases, "node.Node"):
                yield Use(name, f"{file}:{call.lineno}", len(call.args), keywords)


def _name_of(node: ast.Name | ast.Attribute, imported: dict[str, str]) -> str:
    """rclpy's name of what an expression ends in; empty where it is not rclpy's."""
    if isinstance(node, ast.Name):
        return imported.get(node.id, "")
    if isinstance(node.value, ast.Name) and node.value.id in imported:
        return f"{imported[node.value.id]}.{node.attr}".lstrip(".")
    return MEMBERS.get(node.attr, "")


def attributes(path: Path) -> Iterator[tuple[str, str]]:
    """Names behind a dot, each with where it stands."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Attribute):
            yield node.attr, f"{path.name}:{node.lineno}"


def definition(folder: Path, name: str) -> str | None:
    """What rclpy's sources define under a name: "(self, topic, *, timeout=None)", or "value"; None where there is nothing."""
    parts = name.split(".")
    module, inner = folder / "__init__.py", parts
    for count in range(len(parts) - 1, 0, -1):
        if (path := folder.joinpath(*parts[:count]).with_suffix(".py")).exists():
            module, inner = path, parts[count:]
            break
        if (path := folder.joinpath(*parts[:count], "__init__.py")).exists():
            module, inner = path, parts[count:]
            break
    package = ".".join(module.parent.relative_to(folder).parts)
    return _in(ast.parse(module.read_text(encoding="utf-8")), inner, folder, package)


def _in(scope: ast.Module | ast.ClassDef, names: list[str], folder: Path, package: str) -> str | None:
    head, *rest = names
    for node in scope.body:
        if isinstance(node, ast.ClassDef) and node.name == head:
            return _in(node, rest or ["__init__"], folder, package) or (None if rest else "(self)")
        if isinstance(node, ast.ImportFrom) and any((a.asname or a.name) == head for a in node.names):
            original = next(a.name for a in node.names if (a.asname or a.name) == head)
            absolute = (node.module or "").removeprefix("rclpy").lstrip(".")
            module = f"{package}.{node.module}" if node.level == 1 else absolute
            return definition(folder, ".".join(filter(None, [module.strip("."), original, *rest])))
    functions = [n for n in ast.walk(scope) if isinstance(n, ast.FunctionDef) and n.name == head and not rest]
    plain = [f for f in functions if not any("overload" in ast.unparse(d) for d in f.decorator_list)]
    if plain:
        getter = any("property" in ast.unparse(d) for d in plain[0].decorator_list)
        return "value" if getter else _signature(plain[0].args)
    targets = [t for n in ast.walk(scope) for t in _targets(n)]
    return "value" if head in targets else None


def _targets(node: ast.AST) -> Iterator[str]:
    """Names that a statement assigns to, those of `self` included."""
    found = [node.target] if isinstance(node, ast.AnnAssign) else node.targets if isinstance(node, ast.Assign) else []
    for target in found:
        if isinstance(target, ast.Name):
            yield target.id
        elif isinstance(target, ast.Attribute):
            yield target.attr


def _signature(arguments: ast.arguments) -> str:
    """Names and kinds of arguments, without types; None stands for any default."""
    named = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
    for argument in (*named, *filter(None, [arguments.vararg, arguments.kwarg])):
        argument.annotation = None
    nothing = ast.Constant(None)
    arguments.defaults = [nothing for _ in arguments.defaults]
    arguments.kw_defaults = [None if d is None else nothing for d in arguments.kw_defaults]
    return f"({ast.unparse(arguments)})"


def refusal(signature: str, use: Use) -> str:
    """Why a call does not fit a signature; empty where it does, or where nothing is called."""
    if use.positional is None or signature == "value":
        return ""
    parameters = _parameters(signature)
    owner = 1 if list(parameters.parameters)[:1] == ["self"] else 0
    try:
        parameters.bind(*[0] * (owner + use.positional), **dict.fromkeys(use.keywords))
    except TypeError as error:
        return f"{use.place}: {use.name}{signature}: {error}"
    return ""


def _parameters(signature: str) -> inspect.Signature:
    (function,) = ast.parse(f"def function{signature}: ...").body
    assert isinstance(function, ast.FunctionDef)
    arguments, kind, empty = function.args, inspect.Parameter, inspect.Parameter.empty
    required = len(arguments.args) - len(arguments.defaults)
    found = [
        kind(a.arg, kind.POSITIONAL_OR_KEYWORD, default=empty if i < required else None)
        for i, a in enumerate(arguments.args)
    ]
    if arguments.vararg:
        found.append(kind(arguments.vararg.arg, kind.VAR_POSITIONAL))
    for a, default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True):
        found.append(kind(a.arg, kind.KEYWORD_ONLY, default=empty if default is None else None))
    if arguments.kwarg:
        found.append(kind(arguments.kwarg.arg, kind.VAR_KEYWORD))
    return inspect.Signature(found)


def names() -> list[str]:
    """All of rclpy that is used, but for what is compiled or guarded."""
    compiled = tuple(COMPILED)
    return sorted({use.name for path in FILES for use in uses(path) if not use.name.endswith((*compiled, *GUARDED))})


if __name__ == "__main__":
    folders = {key: Path(folder) for key, folder in (word.split("=", 1) for word in sys.argv[1:])}
    table = {name: {key: definition(folder, name) for key, folder in folders.items()} for name in names()}
    TABLE.write_text(json.dumps(table, indent=1) + "\n", encoding="utf-8")
