"""A node's settings as ROS parameters: declared with unit and range, read when the node is configured, not changed after."""

# mypy: disable-error-code="import-not-found"
from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pydantic import ValidationError
from rcl_interfaces.msg import FloatingPointRange, ParameterDescriptor, SetParametersResult

from ashore.deploy_ros.profile import Profile
from ashore.deploy_ros.profile_files import read_profile
from ashore.deploy_ros.settings import NodeSettings
from ashore.deploy_ros.states import State

POLICY, AUTOSTART, PROFILE = "policy", "autostart", "profile"


class ParameterError(ValueError):
    """Parameters that cannot be used; says which and what is allowed, in one line."""


def declare_parameters(node: Any) -> Profile | None:
    """`policy` (a file), `autostart`, and a parameter a setting, whose default is the profile's, where one is named.

    Gives the profile. It is fixed once the node is there, for the others' defaults are. Raises ProfileError.
    """
    node.declare_parameter(POLICY, "", ParameterDescriptor(description="policy file, .onnx"))
    described = "configure and, once state and goal are there, activate without a manager"
    node.declare_parameter(AUTOSTART, True, ParameterDescriptor(description=described))
    fields = dict(NodeSettings.model_fields)
    described = fields.pop(PROFILE).description or ""
    node.declare_parameter(PROFILE, "", ParameterDescriptor(description=described, read_only=True))
    reference = node.get_parameter(PROFILE).value
    profile = read_profile(reference) if reference else None
    own = profile.settings if profile is not None else {}
    for name, field in fields.items():
        node.declare_parameter(name, own.get(name, field.default), descriptor_of(field))
    return profile


def settings_of(node: Any) -> NodeSettings:
    """What the parameters say; ParameterError where they cannot be used."""
    try:
        return NodeSettings(**{name: node.get_parameter(name).value for name in NodeSettings.model_fields})
    except ValidationError as error:
        faults = (f"{e['loc'][0]} = {e['input']!r}: {e['msg']}" for e in error.errors())
        raise ParameterError("; ".join(faults)) from None


def refuse_changes(node: Any, state: Callable[[], State]) -> None:
    """From now on, settings change only while the node is unconfigured: changed later they would have no effect."""

    def check(parameters: list[Any]) -> Any:
        names = [p.name for p in parameters if p.name in (POLICY, *NodeSettings.model_fields)]
        if not names or state() is State.UNCONFIGURED:
            return SetParametersResult(successful=True)
        why = f"{', '.join(names)}: read when the node is configured, and it is {state().value}; clean it up first"
        return SetParametersResult(successful=False, reason=why)

    node.add_on_set_parameters_callback(check)


def descriptor_of(field: Any) -> Any:
    """Description, unit and range of a setting, as `ros2 param describe` shows them."""
    descriptor = ParameterDescriptor(description=field.description or "")
    if field.annotation is float:
        descriptor.dynamic_typing = True  # for 5 is as good as 5.0; what is no number is refused when configured
    bounds = {key: getattr(m, key) for m in field.metadata for key in ("ge", "gt", "le") if hasattr(m, key)}
    if field.annotation is float and "le" in bounds:
        low = float(bounds.get("ge", bounds.get("gt", 0.0)))
        descriptor.floating_point_range = [FloatingPointRange(from_value=low, to_value=float(bounds["le"]), step=0.0)]
    return descriptor
