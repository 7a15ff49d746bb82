"""`ashore prefer`: rounds by a script, a file and the page; killed and resumed; what is refused."""

from __future__ import annotations

import http.client
import json
import threading
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import torch

import ashore
from ashore.cli import main
from ashore.configs.algorithms import PPOSettings
from ashore.configs.errors import UsageError
from ashore.configs.loader import load_run
from ashore.environments import make_env
from ashore.policies.checkpoint import complete, latest, load
from ashore.policies.policy import load_policy
from ashore.policies.preferences.clips import Clips
from ashore.policies.preferences.clips import load as load_clips
from ashore.preferences import rounds
from ashore.preferences.collect import as_strip, collect
from ashore.preferences.judges import clip_of, scripted
from ashore.preferences.page import Page

SMALL: dict[str, Any] = {
    "total_steps": 512,
    "num_envs": 16,
    "eval_every": 512,
    "eval_episodes": 4,
    "torch_threads": 1,
    "algorithm": {"rollout_steps": 16, "minibatch_size": 128, "actor_hidden": [16], "critic_hidden": [16]},
    "task": {"episode_seconds": 0.6},
}
ROUNDS: dict[str, Any] = {"rounds": 2, "pairs": 6, "clip_seconds": 0.2, "steps": 256}


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return ashore.train("cartpole_swingup", run_dir=tmp_path_factory.mktemp("p") / "base", quiet=True, **SMALL).folder


@pytest.fixture(scope="module")
def judged(base: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Both rounds, by the task's own reward."""
    return ashore.prefer(
        base, run_dir=tmp_path_factory.mktemp("p") / "run", judge="reward", quiet=True, **ROUNDS
    ).folder


def newest(folder: Path) -> dict[str, Any]:
    found = latest(folder / "checkpoints")
    assert found is not None
    return load(found)


def same_bits(a: Path, b: Path) -> bool:
    one, other = (newest(folder)["learner"]["modules"] for folder in (a, b))
    return all(torch.equal(one[m][n], other[m][n]) for m in one for n in one[m])


def test_the_result_is_a_run_with_its_answers(base: Path, judged: Path) -> None:
    run = ashore.open_run(judged)
    assert len(complete(judged / "checkpoints")) == 2 and newest(judged)["steps"] == 512
    assert (judged / "policy.onnx").is_file() and run.evaluate(4, quiet=True).count == 4
    answers = [json.loads(line) for line in (judged / "preferences" / "answers.jsonl").read_text().splitlines()]
    assert [row["pair"] for row in answers] == [f"{r}-{i}" for r in range(2) for i in range(6)]
    assert list(run.metrics["steps"]) == [256.0, 512.0] and not bool(
        torch.tensor(run.metrics["preferences/kl"]).isnan().any()
    )
    assert run.settings.train.start_from == str(latest(base / "checkpoints"))


def test_learning_begins_with_the_smallest_rate_so_that_the_first_policy_is_not_undone(judged: Path) -> None:
    algorithm = load_run(judged).train.algorithm
    assert isinstance(algorithm, PPOSettings) and algorithm.learning_rate == algorithm.learning_rate_bounds[0] == 1e-5


def test_the_answers_of_a_reward_are_by_its_sum_over_the_clip(judged: Path) -> None:
    clips = load_clips(judged / "preferences" / "round_000" / "clips.safetensors")
    sums = clips.terms.sum((2, 3))
    expected = ["left" if a > b else "right" for a, b in sums.tolist()]
    rows = (judged / "preferences" / "answers.jsonl").read_text().splitlines()
    assert [json.loads(row)["answer"] for row in rows[:6]] == expected


def test_clips_show_what_the_environment_gave(base: Path) -> None:
    """The same policy and seed again, step by step: a clip's terms sum to the rewards of its steps."""
    run = load_run(base)
    acting = load_policy(latest(base / "checkpoints") or Path()).acting()
    env = make_env(run.task, 8, seed=3)
    clips = collect(env, acting, 0.2, 3)
    assert clips.valid.shape == (4, 2, 10) and bool(clips.valid.all())
    assert clips.critic[..., : clips.actor.shape[-1]].equal(clips.actor)
    assert float(clips.action.abs().max()) <= 1 and 0 < float(clips.terms.sum(-1).max()) <= 1
    upright = (
        (clips.actor[..., 1:, 2] + 1) / 2 * 0.2
    )  # of the pole's direction after the step: the first term, weighted
    assert torch.allclose(clips.terms[..., :-1, 0], upright, atol=1e-4)


def test_a_clip_ends_with_its_episode_and_has_names(base: Path) -> None:
    env = make_env(load_run(base).task, 2)
    x = torch.arange(5.0).reshape(1, 1, 5, 1)
    wide = {"critic": 12, "actor": env.interface.actor_size, "action": 1, "terms": 2}
    valid = torch.tensor([[[True, True, True, False, False], [True] * 5]])
    clips = Clips(**{name: x.expand(1, 2, 5, size) for name, size in wide.items()}, valid=valid)
    clip = clip_of(clips, 0, 0, env)
    assert clip.reward["balance"].tolist() == [0.0, 1.0, 2.0] and clip.action.shape == (3, 1)
    assert clip.signals["pole_direction"].shape == (3, 2) and clip.control_dt == 0.02


def test_killed_in_the_second_round_it_goes_on_to_the_same_bits(
    base: Path, judged: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, improve = tmp_path / "run", rounds._improve

    def killed(*words: Any) -> float:
        if words[5] == 1:
            raise KeyboardInterrupt
        return improve(*words)

    monkeypatch.setattr(rounds, "_improve", killed)
    with pytest.raises(KeyboardInterrupt):
        ashore.prefer(base, run_dir=folder, judge="reward", quiet=True, **ROUNDS)
    answers = (folder / "preferences" / "answers.jsonl").read_text()
    assert len(answers.splitlines()) == 12 and newest(folder)["preferences"]["round"] == 0
    monkeypatch.setattr(rounds, "_improve", improve)
    ashore.prefer(base, run_dir=folder, judge="reward", resume=True, quiet=True, rounds=2)
    assert (folder / "preferences" / "answers.jsonl").read_text() == answers, "nothing is asked again"
    assert same_bits(folder, judged)
    assert list(ashore.open_run(folder).metrics["steps"]) == [256.0, 512.0]


def test_a_resumed_run_may_have_more_rounds(base: Path, judged: Path, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    ashore.prefer(base, run_dir=folder, judge="reward", quiet=True, **(ROUNDS | {"rounds": 1}))
    ashore.prefer(base, run_dir=folder, judge="reward", resume=True, quiet=True, rounds=2)
    assert same_bits(folder, judged)


def test_answers_from_a_file_are_waited_for_and_lead_to_the_same_policy(
    base: Path, judged: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ashore.preferences.judges.FromFile.films", False)
    rows = (judged / "preferences" / "answers.jsonl").read_text().splitlines(keepends=True)
    file, folder = tmp_path / "mine.jsonl", tmp_path / "run"
    file.write_text("".join(rows[:8]))
    with pytest.raises(UsageError, match="lacks 4 answers, the first to pair 1-2"):
        ashore.prefer(base, run_dir=folder, answers=file, quiet=True, **ROUNDS)
    file.write_text("".join(rows))
    ashore.prefer(base, run_dir=folder, answers=file, resume=True, quiet=True)
    assert same_bits(folder, judged)


def test_a_function_in_a_file_judges(base: Path, tmp_path: Path) -> None:
    file = tmp_path / "taste.py"
    file.write_text(
        "def still(left, right):\n"
        "    a, b = (abs(clip.signals['joint_velocity']).mean() for clip in (left, right))\n"
        "    return 'left' if a < b else 'right'\n\n\ndef odd(left, right):\n    return 'both'\n"
    )
    words = [f"--{name.replace('_', '-')}={value}" for name, value in (ROUNDS | {"rounds": 1}).items()]
    assert main(["prefer", str(base), "--run", str(tmp_path / "a"), "--judge", f"{file}:still", *words]) == 0
    assert main(["prefer", str(base), "--run", str(tmp_path / "b"), "--judge", f"{file}:odd", *words]) == 2


def test_what_cannot_be_is_said_before_anything_is_written(
    base: Path, judged: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "never"
    env = make_env(load_run(base).task, 1)
    for name, message in (
        ("speed", "reward, upright, balance"),
        ("x.py:f", "does not exist"),
        (f"{__file__}:f", "no function"),
    ):
        with pytest.raises(UsageError, match=message):
            scripted(name, env)
    assert main(["prefer", str(base), "--run", str(folder), "--judge", "speed"]) == 2
    assert main(["prefer", str(base), "--run", str(folder), "--judge", "reward", "--pairs", "1"]) == 2
    assert main(["prefer", str(base), "--run", str(folder), "--judge", "reward", "--resume"]) == 2
    assert not folder.exists()
    assert main(["prefer", str(base), "--run", str(judged), "--judge", "reward"]) == 2
    assert main(["prefer", str(base), "--run", str(judged), "--judge", "reward", "--resume", "--pairs", "9"]) == 2
    said = capsys.readouterr().err
    assert "holds a run already" in said and "other settings in ['pairs']" in said


class Browser:
    """Speaks to a page as a browser does."""

    def __init__(self, page: Page) -> None:
        url = urlsplit(page.address)
        self.port, self.token = url.port or 0, parse_qs(url.query)["token"][0]

    def ask(self, path: str, body: Any = None, token: str | None = None, host: str | None = None) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        headers = {"Host": host} if host else {}
        target = f"/{path}?token={self.token if token is None else token}"
        data = None if body is None else json.dumps(body)
        connection.request("GET" if body is None else "POST", target, data, headers)
        response = connection.getresponse()
        return response.status, response.read()


@pytest.fixture
def page() -> Any:
    page = Page()
    yield page
    page.close()


def test_the_page_shows_pairs_and_takes_their_answers(page: Page, tmp_path: Path) -> None:
    pictures = [torch.full((240, 320, 3), 80 * i, dtype=torch.uint8).numpy() for i in range(3)]
    for pair in range(2):
        for side in ("left", "right"):
            rounds.picture_file(tmp_path, pair, side).write_bytes(as_strip(pictures))
    x = torch.zeros(2, 2, 3, 1)
    clips = Clips(x, x, x, x, torch.ones(2, 2, 3, dtype=torch.bool))
    given: list[tuple[str, str]] = []
    env: Any = SimpleNamespace(settings=SimpleNamespace(control_dt=0.02))
    asking = threading.Thread(
        target=page.answer, args=({"0-0": 0, "0-1": 1}, clips, env, tmp_path, lambda *answer: given.append(answer))
    )
    browser = Browser(page)
    assert b"ashore prefer" in browser.ask("")[1]
    assert json.loads(browser.ask("state")[1])["pair"] is None
    asking.start()
    deadline = time.monotonic() + 30
    while (state := json.loads(browser.ask("state")[1]))["pair"] is None and time.monotonic() < deadline:
        time.sleep(0.01)
    assert state == {"pair": "0-0", "text": state["text"], "ever": 0, "done": 0, "total": 2, "round": 1, "period": 0.04}
    status, strip = browser.ask("clip/0-0/left")
    assert status == 200 and strip.startswith(b"\xff\xd8")
    for path in ("clip/0-9/left", "clip/0-0/..", "clip/..%2F..%2Fx/left", "etc/passwd"):
        assert browser.ask(path)[0] == 404
    for body in ({"pair": "0-0", "answer": "up"}, {"pair": 0, "answer": "left"}, ["left"], "x" * 5000):
        assert browser.ask("answer", body)[0] == 400
    assert browser.ask("answer", {"pair": "0-0", "answer": "left"}, token="wrong")[0] == 403
    assert browser.ask("answer", {"pair": "0-0", "answer": "left"}, host="evil.example:80")[0] == 403
    assert given == []
    assert json.loads(browser.ask("answer", {"pair": "0-0", "answer": "left"})[1]) == {"taken": True}
    assert given == [("0-0", "left")]
    assert json.loads(browser.ask("answer", {"pair": "0-0", "answer": "right"})[1]) == {"taken": False}, "once"
    assert json.loads(browser.ask("state")[1])["pair"] == "0-1"
    browser.ask("answer", {"pair": "0-1", "answer": "skip"})
    asking.join(30)
    assert not asking.is_alive() and given == [("0-0", "left"), ("0-1", "skip")]


def test_the_page_is_for_this_machine_alone(page: Page) -> None:
    assert page._server.server_address[0] == "127.0.0.1"
