"""A recorded run replays to the bit; what was changed in it, or is missing, is named; a damaged file is one line."""

from __future__ import annotations

import json
import random
import struct
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

pytest.importorskip("cyclonedds")

from ashore.cli import main
from ashore.deploy_ros import dds_types as types
from ashore.deploy_ros.mcap import Message, RecordingError
from ashore.deploy_ros.profile import Profile
from ashore.deploy_ros.recording import EVENTS
from tests.deploy_ros import policies
from tests.deploy_ros.policies import make_policy
from tests.deploy_ros.recordings import TOPIC, RecordedRun, changed, recorded, replayed, rewritten


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory, policy_file: Path) -> Path:
    return recorded(tmp_path_factory.mktemp("recording") / "run.mcap", policy_file)


def flip(content: SimpleNamespace) -> None:
    """The last bit of the second joint's position."""
    (bits,) = struct.unpack("<q", struct.pack("<d", content.points[0].positions[1]))
    (content.points[0].positions[1],) = struct.unpack("<d", struct.pack("<q", bits ^ 1))


def test_a_run_with_a_stop_a_reset_and_a_refused_goal_replays_to_the_bit(recording: Path, policy_file: Path) -> None:
    assert replayed(recording, policy_file) == (0, ["equal to the bit: 150 steps, 150 commands sent"])


LIMITS = {name: {"velocity": 0.5} for name in "abc"}


@pytest.mark.parametrize(
    ("own", "profile"),
    [
        ({"speed": 0.5}, None),
        ({"home": True}, None),
        ({"shadow": True}, None),
        ({}, Profile.model_validate({"joints": LIMITS})),
    ],
)
def test_slow_motion_the_way_home_a_shadow_and_a_profile_replay_to_the_bit(
    tmp_path: Path, policy_file: Path, own: dict[str, Any], profile: Profile | None
) -> None:
    run = RecordedRun(tmp_path / "run.mcap", policy_file, profile=profile, **own)
    run.steps(60)
    run.tape.close()
    assert replayed(tmp_path / "run.mcap", policy_file) == (0, ["equal to the bit: 60 steps, 60 commands sent"])


def test_a_dead_man_switch_is_replayed(tmp_path: Path, policy_file: Path) -> None:
    held = types.Joy(buttons=[0, 1])  # type: ignore[arg-type]
    run = RecordedRun(tmp_path / "run.mcap", policy_file, begin=lambda r: r.hear(-1, held), deadman="/joy:1")
    for button in (1, 0, 1):
        for _ in range(30):
            run.hear(-1, types.Joy(buttons=[0, button]))  # type: ignore[arg-type]
            run.steps(1)
    run.tape.close()
    assert replayed(tmp_path / "run.mcap", policy_file) == (0, ["equal to the bit: 90 steps, 90 commands sent"])


def test_a_flipped_bit_in_a_command_is_found_and_named(recording: Path, policy_file: Path, tmp_path: Path) -> None:
    def flipped(message: Message) -> Message:
        return changed(message, flip) if (message.topic, message.sequence) == (TOPIC, 12) else message

    code, said = replayed(rewritten(recording, tmp_path / "flipped.mcap", flipped), policy_file)
    assert code == 1 and said[0].startswith(
        f"differs first at the command sent after step 12 on {TOPIC}: position of b"
    )
    assert "off by 1.39e-17" in said[0] or "off by 2.78e-17" in said[0] or "off by 5.55e-17" in said[0]
    assert said[1] == "1 of 150 steps differ"


def test_a_changed_measurement_makes_every_later_step_differ(
    recording: Path, policy_file: Path, tmp_path: Path
) -> None:
    def shift(content: SimpleNamespace) -> None:
        content.position[0] -= 0.3

    def shifted(message: Message) -> Message:
        return changed(message, shift) if (message.topic, message.sequence) == ("/joint_states", 2) else message

    code, said = replayed(rewritten(recording, tmp_path / "shifted.mcap", shifted), policy_file)
    assert code == 1 and said[0].startswith("differs first at step 1 (0.000 s): position of a recorded")
    assert said[1].startswith("differs most at ") and ": position of a" in said[1] and int(said[2].split()[0]) > 40


def test_another_policy_is_refused_or_its_commands_distance_is_said(
    recording: Path, policy_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(policies, "GAIN", 2.0)
    slower = make_policy(tmp_path / "slower.onnx")
    with pytest.raises(RecordingError, match=r"was recorded with another policy, sha256 .*--policy-changed"):
        replayed(recording, slower)
    code, said = replayed(recording, slower, policy_changed=True)
    assert code == 0 and said[0] == "another policy's positions, over 150 steps, from those sent:"
    worst = {line.split(":")[0].strip(): float(line.split()[3].rstrip(",")) for line in said[1:]}
    assert set(worst) == {"a", "b", "c"} and 0.01 < worst["a"] < 0.5
    _, same = replayed(recording, policy_file, policy_changed=True)
    assert same[1:] == [f"  {joint}: at most 0, rms 0" for joint in "abc"]


def test_a_file_that_is_cut_off_is_compared_as_far_as_it_goes(tmp_path: Path, policy_file: Path) -> None:
    path = recorded(tmp_path / "run.mcap", policy_file, 400)
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])
    code, said = replayed(path, policy_file)
    assert code == 1 and said[0].startswith("equal to the bit: ") and said[1].startswith(f"{path} is cut off")
    assert 100 < int(said[0].split()[4]) < 1100


@pytest.mark.parametrize(("topic", "what"), [("/joint_states", "message 20 on /joint_states"), (EVENTS, "an event")])
def test_a_message_that_is_missing_is_said_with_how_far_it_went(
    recording: Path, policy_file: Path, tmp_path: Path, topic: str, what: str
) -> None:
    def without(message: Message) -> Message | None:
        return None if (message.topic, message.sequence) == (topic, 20) else message

    code, said = replayed(rewritten(recording, tmp_path / "less.mcap", without), policy_file)
    assert code == 1 and said[0].startswith("equal to the bit: 18 steps") and said[1].startswith(f"{what} is missing")


BROKEN: list[Any] = [
    [], 3, {}, {"event": "step"}, {"event": "step", "now": 1.0, "took": [], "position": [1.0], "velocity": [1.0]},
    {"event": "step", "now": 1.0, "took": [[9, 1, 1.0]], "position": None},
    {"event": "step", "now": 10**400, "took": [], "position": None},
    {"event": "step", "now": "soon", "took": [], "position": None},
    {"event": "step", "now": 1.0, "took": [["a", [], {}]], "position": None},
    {"event": "reset", "now": 1.0, "took": [], "why": 3},
]  # fmt: skip


@pytest.mark.parametrize("event", [*map(json.dumps, BROKEN), "[" * 100_000, "{", "NaN"])
def test_an_event_that_makes_no_sense_is_one_line(
    recording: Path, policy_file: Path, tmp_path: Path, event: str
) -> None:
    def broken(message: Message) -> Message:
        if (message.topic, message.sequence) != (EVENTS, 5):
            return message
        return changed(message, lambda content: setattr(content, "data", event))

    with pytest.raises(RecordingError, match="damaged: event 5 makes no sense"):
        replayed(rewritten(recording, tmp_path / "broken.mcap", broken), policy_file)


def test_a_command_of_another_type_or_that_ends_too_early_is_one_line(
    recording: Path, policy_file: Path, tmp_path: Path
) -> None:
    def short(message: Message) -> Message:
        return message._replace(data=message.data[:40]) if message.topic == TOPIC else message

    with pytest.raises(RecordingError, match="trajectory_msgs/JointTrajectory that ends too early"):
        replayed(rewritten(recording, tmp_path / "short.mcap", short), policy_file)

    def other(message: Message) -> Message:
        return message._replace(schema="std_msgs/msg/String") if message.topic == TOPIC else message

    with pytest.raises(RecordingError, match="a std_msgs/msg/String where trajectory_msgs/msg/JointTrajectory is due"):
        replayed(rewritten(recording, tmp_path / "other.mcap", other), policy_file)


def test_settings_that_do_not_fit_the_policy_are_refused_with_the_file(
    recording: Path, policy_file: Path, tmp_path: Path
) -> None:
    damaged = tmp_path / "damaged.mcap"
    damaged.write_bytes(
        recording.read_bytes().replace(b'"gripper_controller":"gripper_c', b'"gripper_controller":"gripper_x')
    )
    with pytest.raises(
        RecordingError, match=r"damaged.mcap: its settings do not fit the policy: gripper_controller = "
    ):
        replayed(damaged, policy_file)


def test_damaged_bytes_are_refused_or_cut_off_and_nothing_else(
    recording: Path, policy_file: Path, tmp_path: Path
) -> None:
    data, generator = recording.read_bytes(), random.Random(0)
    path = tmp_path / "damaged.mcap"
    outcomes = set()
    for _ in range(150):
        damaged = bytearray(data)
        at = generator.randrange(len(data)) if generator.random() < 0.5 else generator.randrange(2000)
        damaged[at] = generator.randrange(256)
        path.write_bytes(damaged)
        try:
            outcomes.add(str(replayed(path, policy_file)[0]))
        except RecordingError as error:
            outcomes.add(str(error))
    assert any("a chunk's checksum is wrong" in outcome for outcome in outcomes)
    assert not any("\n" in outcome for outcome in outcomes)


@pytest.mark.parametrize(
    "content", [None, b"", b"\x89MCAP0\r\n", b"PK\x03\x04" + b"0" * 100, b"\x89MCAP0\r\n" + b"\xff" * 64]
)
def test_what_is_no_recording_is_one_line_and_exit_code_2(
    content: bytes | None, policy_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "none.mcap"
    if content is not None:
        path.write_bytes(content)
    assert main(["replay", str(path), str(policy_file)]) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"ashore: {path}: ") and error.count("\n") == 1


def test_a_step_that_raised_is_said(tmp_path: Path, policy_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = RecordedRun(tmp_path / "run.mcap", policy_file)
    run.steps(5)

    def fail(*_: object) -> None:
        raise RuntimeError("no way")

    with monkeypatch.context() as patch:
        patch.setattr(type(run.controller.inputs), "stale", fail)
        with pytest.raises(RuntimeError):
            run.controller.step(run.now + 0.01)
    run.tape.close()
    code, said = replayed(tmp_path / "run.mcap", policy_file)
    assert code == 1 and said[1] == "the recorded node failed after step 5: RuntimeError('no way')"
