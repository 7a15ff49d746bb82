"""The commands as a user types them, in processes of their own."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ashore.benchmarks.demo import VIDEO, Size, run_demo
from ashore.benchmarks.twin import bench_twin
from ashore.cli import main
from ashore.options import COMMANDS, parse
from ashore.policies.checkpoint import latest, load

# Small enough for seconds; the same code, tasks and messages as the real thing.
SMALL = ["num_envs=16", "total_steps=3072", "eval_every=1536", "checkpoint_every=1", "eval_episodes=16"]
SMALL += ["algorithm.rollout_steps=16", "algorithm.minibatch_size=128", "torch_threads=1", "task.episode_seconds=0.6"]


def ashore(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "ashore", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=240)


def small_training(*arguments: str | Path) -> list[str]:
    return ["train", "arm_reach", *map(str, arguments), *(x for setting in SMALL for x in ("--set", setting))]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a small run."""
    folder = tmp_path_factory.mktemp("trained") / "run"
    assert ashore(*small_training("--run", folder)).returncode == 0
    return folder


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys, contextlib; sys.argv[0] = 'ashore'; from ashore.cli import main\n"
        "with contextlib.suppress(SystemExit): main(['--help'])\n"
        "heavy = {name.split('.')[0] for name in sys.modules} - set(sys.stdlib_module_names) - {'ashore'}\n"
        "heavy = {name for name in heavy if not name.startswith(('_', 'sitecustomize', 'distutils'))}\n"
        "sys.exit(f'imported {heavy}' if heavy else len(sys.modules) > 250 and f'{len(sys.modules)} modules')"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert "demo" in done.stdout


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_prints_its_help(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        parse([command, "--help"])
    assert end.value.code == 0 and capsys.readouterr().out.startswith(f"usage: ashore {command}")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["train", "arm_raech"], ["arm_raech", "arm_reach"]),
        (["train", "arm_reach", "--seed", "-1"], ["train.seed", "-1", "0"]),
        (["config", "arm_reach", "--set", "train.seed=-1"], ["train.seed", "-1", "0"]),
        (["config", "arm_reach", "--set", "task.control_dt=0.03"], ["control_dt", "0.03", "0.004"]),
        (["config", "arm_reach", "--set", "task.randomization.payload.low=9"], ["payload", "9", "3"]),
        (
            ["config", "arm_reach", "--set", "task.randomization.command_latency.unit=ms"],
            ["command_latency", "ms", "'s'"],
        ),
        (["train", "arm_reach", "--set", "robot.tool_site=flange"], ["flange", "tool"]),
        (["evaluate", "nowhere"], ["nowhere"]),
        (["inspect", "README.md"], ["README.md"]),
        (["train", "arm_reach", "--set", "task.randomization.link_mass.match=lnik.*"], ["link_mass", "lnik", "link1"]),
        (["export", "nowhere"], ["nowhere"]),
    ],
)
def test_what_the_user_can_mend_is_one_message_and_exit_code_2(
    arguments: list[str], said: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    if arguments[0] == "train":
        arguments = [*arguments, "--run", str(tmp_path / "run")]
    assert main(arguments) == 2
    err = capsys.readouterr().err
    assert "Traceback" not in err
    assert all(text in err for text in said), err


def test_results_of_a_twin_that_cannot_be_written_are_refused_before_it_starts(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["twin", "nowhere", "--json", "/dev/null/results.json"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("ashore: /dev/null/results.json cannot be written: /dev/null is no folder")


def test_an_unknown_flag_shows_the_usage_of_its_own_command() -> None:
    done = ashore("train", "arm_reach", "--sede", "3")
    assert done.returncode == 2
    assert done.stderr.startswith("usage: ashore train") and "unrecognized arguments: --sede" in done.stderr


def test_a_missing_package_is_named_with_a_command_that_exists() -> None:
    """No index has the package, so that the advice is for a checkout."""
    code = (
        "import sys; sys.modules['torch'] = None; from ashore.cli import main\nsys.exit(main(['evaluate', 'nowhere']))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.returncode == 2 and "Traceback" not in done.stderr
    assert "needs torch" in done.stderr and "pip install '.[train]'" in done.stderr


def test_resolved_settings_read_back_equal(tmp_path: Path) -> None:
    first = ashore("config", "arm_reach", "--set", "train.seed=5")
    (tmp_path / "config.yaml").write_text(first.stdout)
    assert ashore("config", tmp_path / "config.yaml").stdout == first.stdout
    assert "seed: 5" in first.stdout


@pytest.mark.slow
def test_a_killed_training_resumes_to_the_same_bits(trained: Path, tmp_path: Path) -> None:
    killed = tmp_path / "killed"
    process = subprocess.Popen(
        [sys.executable, "-m", "ashore", *small_training("--run", killed)], stdout=subprocess.DEVNULL
    )
    try:
        while latest(killed / "checkpoints") is None and process.poll() is None:
            time.sleep(0.01)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    stopped_at = load(latest(killed / "checkpoints"))["steps"]  # type: ignore[arg-type]
    assert process.returncode == -signal.SIGKILL
    assert stopped_at < 3072
    assert ashore("train", "arm_reach", "--run", killed, "--resume").returncode == 0
    one, other = (latest(folder / "checkpoints") for folder in (trained, killed))
    assert one is not None
    assert other is not None
    files = sorted(path.name for path in one.glob("*.safetensors"))
    assert files
    for name in files:
        assert (one / name).read_bytes() == (other / name).read_bytes()
    assert (trained / "policy.onnx").read_bytes() == (killed / "policy.onnx").read_bytes()


@pytest.mark.slow
def test_a_miniature_of_the_demo_goes_from_training_to_a_driven_twin(tmp_path: Path) -> None:
    size = Size(simulated=16, swept=4, points=2, twin=2)
    code = run_demo(tmp_path, SMALL, size, "ashore demo")
    summary = json.loads((tmp_path / "summary.json").read_text())
    assert code == (0 if summary["success"] >= 0.95 and summary["twin_success"] >= 0.9 else 1)
    assert summary["episodes"] == 16
    twin = json.loads((tmp_path / "twin.json").read_text())
    assert twin["finished"], (tmp_path / "twin.log").read_text()
    assert len(twin["episodes"]) == 2
    assert all(e["commands"] > 0 and e["rejected"] == 0 for e in twin["episodes"])
    assert len({e["world"]["payload"] for e in twin["episodes"]}) == 2
    page = (tmp_path / "report.html").read_text()
    assert "command latency" in page
    assert (tmp_path / VIDEO).read_bytes()[4:8] == b"ftyp"
    assert "<title>arm_reach with panda" in page and "data:video/mp4" in page
    assert len(page) < 8e6, "a report is small enough to be sent"
    for what in ("evaluate", "inspect"):
        arguments = ["--episodes", "4"] if what == "evaluate" else []
        assert ashore(what, tmp_path / "run" / "policy.onnx", *arguments, "--json").returncode == 0


def test_an_exported_graph_acts_as_the_checkpoint_it_came_from(trained: Path) -> None:
    from ashore.trained_policy import load_trained, measure

    learned = measure(load_trained(str(trained)), 8, seed=3)
    exported = measure(load_trained(str(trained / "policy.onnx")), 8, seed=3)
    # The term action_rate judges what was asked for before the limits, which an exported target no longer tells.
    for name in ("distance", "precision", "collision"):
        assert learned.terms[f"reward/{name}"] == pytest.approx(exported.terms[f"reward/{name}"], rel=1e-4, abs=1e-6)
    assert (learned.lengths == exported.lengths).all()


@pytest.mark.slow
def test_a_policy_of_sac_is_exported_and_drives_the_twin(tmp_path: Path) -> None:
    sac = [
        "num_envs=16",
        "total_steps=1600",
        "eval_every=800",
        "checkpoint_every=800",
        "eval_episodes=16",
        "torch_threads=1",
    ]
    sac += [
        "algorithm.rollout_steps=20",
        "algorithm.learning_starts=400",
        "algorithm.batch_size=64",
        "algorithm.updates_per_step=0.1",
    ]
    settings = [x for setting in sac for x in ("--set", setting)]
    done = ashore("train", "arm_reach", "--algorithm", "sac", "--run", tmp_path / "run", *settings)
    assert done.returncode == 0, done.stderr
    record = json.loads((tmp_path / "run" / "metrics.jsonl").read_text().splitlines()[-1])
    assert record["train/updates"] == 120 and "train/temperature" in record
    beside = bench_twin(tmp_path / "run" / "policy.onnx", 2, tmp_path, 0, "")
    twin = json.loads((tmp_path / "twin.json").read_text())
    assert twin["finished"], (tmp_path / "twin.log").read_text()
    assert all(e["commands"] > 0 and e["rejected"] == 0 for e in twin["episodes"])
    assert beside["node"]["steps"] > 100 and beside["node"]["period_error"]["p50"] < 0.02
    assert beside["twin"]["metrics"].keys() == beside["simulator"]["metrics"].keys()
