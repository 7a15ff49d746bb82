"""Commands of the robot side: what a policy file promises, the node, the twin, the machine."""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
from pathlib import Path

from ashore.configs.errors import AshoreError


def inspect(options: argparse.Namespace) -> None:
    from ashore.configs.verdict import read_stamp
    from ashore.deploy_ros.bundle import load_policy
    from ashore.deploy_ros.inspect import describe
    from ashore.deploy_ros.profile_files import with_profile
    from ashore.deploy_ros.settings import NodeSettings

    policy = load_policy(options.policy)
    if options.json:
        print(policy.contract.model_dump_json(indent=1))
        return
    print(describe(policy.contract, *with_profile(NodeSettings(profile=options.profile))))
    print(f"\nVerdict\n  {read_stamp(options.policy, policy.sha256).line}")


def twin(options: argparse.Namespace) -> int:
    from ashore.configs.whole_file import require_writable
    from ashore.files import write_atomically
    from ashore.twins import serve_twin

    if options.json is not None:
        require_writable(options.json)
    results = serve_twin(
        options.policy,
        options.set,
        options.episodes,
        options.seed,
        options.wait,
        profile=options.profile,
        faults=options.faults,
        world=options.world,
    )
    if options.json is not None:
        write_atomically(options.json, json.dumps(results, indent=1))
    return 0 if results["finished"] else 1


def deploy(options: argparse.Namespace) -> int:
    from pydantic import ValidationError

    from ashore.deploy_ros.settings import NodeSettings

    given = {name: getattr(options, name) for name in NodeSettings.model_fields}
    try:
        settings = NodeSettings(**{name: value for name, value in given.items() if value is not None})
    except ValidationError as error:
        flags = (str(e["loc"][0]).replace("_", "-") for e in error.errors())
        faults = (f"--{flag} = {e['input']!r}: {e['msg']}" for flag, e in zip(flags, error.errors(), strict=True))
        raise AshoreError("; ".join(faults)) from None
    _warn_without_verdict(options.policy)
    if options.via == "rclpy":
        from ashore.deploy_ros import rclpy_node

        return rclpy_node.run(options.policy, settings)
    from ashore.deploy_ros import dds_node

    return dds_node.run_node(options.policy, settings)


def _warn_without_verdict(policy: Path) -> None:
    """One line where nothing says that the policy may go to a robot; what is no policy is refused later."""
    from ashore.configs.verdict import one_line, read_stamp

    if not policy.is_file():
        return
    stamp = read_stamp(policy, hashlib.sha256(policy.read_bytes()).hexdigest())
    if not stamp.passed:
        print(f"ashore: warning: {one_line(policy.name)}: {stamp.line}", file=sys.stderr)


def profile(options: argparse.Namespace) -> None:
    from ashore.deploy_ros.profile_files import names, read_profile

    if options.listen:
        from ashore.deploy_ros.profile_draft import draft

        print(draft(options.seconds))
    elif options.profile:
        print(read_profile(options.profile).model_dump_json(indent=1, exclude_defaults=True))
    else:
        width = max(map(len, names())) + 2
        print("\n".join(f"{name:{width}}{read_profile(name).about}" for name in names()))


def replay(options: argparse.Namespace) -> int:
    from ashore.deploy_ros import replay as offline

    return offline.replay(options.recording, options.policy, options.policy_changed, print)


def goal(options: argparse.Namespace) -> None:
    from ashore.deploy_ros.operating import send_goal

    send_goal((options.x, options.y, options.z), options.orientation, options.frame, options.topic, options.wait, print)


def stop(options: argparse.Namespace) -> None:
    from ashore.deploy_ros.operating import send_stop

    send_stop(options.wait, print)


def reset(options: argparse.Namespace) -> None:
    from ashore.deploy_ros.operating import send_reset

    send_reset(options.wait, print)


def doctor(_options: argparse.Namespace) -> int:
    from ashore.deploy_ros.doctor import examine

    return 0 if examine() else 1
