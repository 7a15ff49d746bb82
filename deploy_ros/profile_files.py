"""Profiles as YAML: those that come along, in configs/robots_ros, and a user's own."""

from __future__ import annotations

from pathlib import Path

from pydantic import ValidationError

from ashore import configs
from ashore.configs.paths import expand, is_path
from ashore.deploy_ros.profile import Profile, ProfileError, faults_of
from ashore.deploy_ros.settings import NodeSettings

FOLDER = Path(configs.__file__).parent / "robots_ros"


def names() -> list[str]:
    """Of the profiles that come along."""
    return sorted(path.stem for path in FOLDER.glob("*.yaml"))


def read_profile(reference: str) -> Profile:
    """A profile by its name, or by the path of a YAML file; ProfileError where there is none or it cannot be used."""
    try:
        from ashore.configs.faults import ConfigError
        from ashore.configs.yaml_text import load_file
    except ModuleNotFoundError as error:
        raise ProfileError(
            f"profile = {reference!r} is YAML, and {error.name} is missing: pip install pyyaml"
        ) from None
    if is_path(reference):
        path = expand(reference)
    elif reference in names():
        path = FOLDER / f"{reference}.yaml"
    else:
        raise ProfileError(f"profile = {reference!r}; allowed: {', '.join(names())}, or a path to YAML")
    try:
        data = load_file(path)
    except ConfigError as error:
        raise ProfileError(" ".join(str(error).split())) from None
    if not isinstance(data, dict):
        raise ProfileError(f"{path} holds no names with values; allowed: {', '.join(Profile.model_fields)}")
    try:
        return Profile.model_validate(data)
    except ValidationError as error:
        raise ProfileError(f"{path}: {faults_of(error, Profile)}") from None


def with_profile(settings: NodeSettings) -> tuple[NodeSettings, Profile | None]:
    """The settings with those of their profile where the user has set none, and the profile; None where they name none."""
    if not settings.profile:
        return settings, None
    profile = read_profile(settings.profile)
    return profile.under(settings), profile
