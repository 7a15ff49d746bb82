"""What a node may run of a policy file: the policy, the policy in slow motion, or the way to its home."""

from __future__ import annotations

from ashore.deploy_ros.bundle import Policy
from ashore.deploy_ros.homing import Homing
from ashore.deploy_ros.pacing import Paced, require_no_balance
from ashore.deploy_ros.settings import NodeSettings

Variant = Policy | Homing | Paced


def variant_of(policy: Policy, settings: NodeSettings) -> Variant:
    """The one that the settings ask for; PaceError where the policy has no slower motion."""
    if settings.ramp > 0.0:
        require_no_balance(policy.contract.interface, f"ramp = {settings.ramp:g} s", "0")
    if settings.home:
        return Homing(policy, settings.home_speed)
    return Paced(policy, settings.speed) if settings.speed < 1.0 else policy


def mode_of(settings: NodeSettings) -> str:
    """What the status says of it."""
    return "home" if settings.home else "shadow" if settings.shadow else "policy"
