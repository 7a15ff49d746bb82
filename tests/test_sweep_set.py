"""Two policies in one sweep, with maps, gaps and a budget: the data beside the page says every number that is on it."""

from __future__ import annotations

import csv
import json
import re
from html import unescape
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from scipy.stats import binomtest

import ashore
from ashore.configs.errors import AshoreError, UsageError
from ashore.configs.loader import load_run
from ashore.configs.sweep_plan import plan_of
from ashore.randomization.robustness.looking import looking_confidence
from ashore.results import Sweep
from ashore.sweeps import run_sweep
from ashore.trained_policy import load_trained
from tests.untrained import export_untrained

EASY = ["task.episode_seconds=0.3", "task.options.hold_seconds=0.04", "task.options.tolerance=0.25"]
PLAN: dict[str, Any] = {
    "target": 0.5,
    "episodes": 16,
    "budget": 1200,
    "looks": 3,
    "curves": {"over": ["payload", "command_hold"], "points": 5},
    "maps": {"over": [["payload", "link_mass"]], "fragile": 2, "points": 3},
    "joint": {"worlds": 64, "repeats": 2, "ranges": {"payload": [0.0, 5.0]}},
    "gaps": {"command_hold": "catalogue", "pose_freeze": "catalogue", "payload": "catalogue"},
}


class Data(NamedTuple):
    """What lies in a sweep's folder."""

    page: str
    charts: dict[str, Any]
    points: list[dict[str, str]]
    episodes: list[dict[str, str]]
    results: dict[str, Any]

    def at(self, policy: str, point: int, name: str = "success") -> np.ndarray:
        """A column of the episodes of a policy at a point."""
        rows = [r for r in self.episodes if r["policy"] == policy and r["point"] == str(point)]
        return np.array([float(r[name] or "nan") for r in rows])

    def of(self, part: str, over: str = "") -> list[dict[str, str]]:
        return [p for p in self.points if p["part"] == part and p["over"] == over]


@pytest.fixture(scope="module")
def policies(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    paths = [tmp_path_factory.mktemp("policies") / f"{name}.onnx" for name in ("calm", "wild")]
    for seed, path in enumerate(paths):
        export_untrained(load_run("arm_reach", [*EASY, f"train.seed={seed}"]), path)
    return paths


@pytest.fixture(scope="module")
def swept(policies: list[Path], tmp_path_factory: pytest.TempPathFactory) -> Sweep:
    return ashore.sweep(policies, plan=plan_of(PLAN, "plan"), out=tmp_path_factory.mktemp("sweep"), quiet=True)


@pytest.fixture(scope="module")
def data(swept: Sweep) -> Data:
    page = swept.report.read_text()
    charts = re.search(r'id="charts">(.*?)</script>', page, flags=re.S)
    assert charts is not None
    points, episodes = (
        list(csv.DictReader((swept.folder / name).read_text().splitlines())) for name in ("points.csv", "episodes.csv")
    )
    results = json.loads((swept.folder / "results.json").read_text())
    return Data(page, json.loads(charts[1]), points, episodes, results)


def exact(success: np.ndarray, confidence: float = 0.95) -> tuple[float, float]:
    """scipy's own Clopper-Pearson."""
    found = binomtest(int(success.sum()), len(success)).proportion_ci(confidence)
    return float(found.low), float(found.high)


def figures(data: Data, kind: str) -> list[Any]:
    return [c["data"] for c in data.charts.values() if c["data"][0].get("type", "") == kind]


def test_curves_on_the_page_follow_from_the_episodes(data: Data) -> None:
    confidence = looking_confidence(16, 3, 0.5)
    shown = figures(data, "")
    curves = {curve["group"]: curve for curve in data.results["sweeps"]["calm"]["curves"]}
    assert set(curves) == {"payload", "command_hold"} and len(shown) == 2
    for group in curves:
        points = data.of("curve", group)
        values = [float(p[group]) for p in points]
        traces = next(traces for traces in shown if traces[1]["x"] == values)
        for k, policy in enumerate(("calm", "wild")):
            played = [data.at(policy, int(p["point"])) for p in points]
            band, line = traces[2 * k : 2 * k + 2]
            assert line["y"] == [success.mean() for success in played]
            assert line["customdata"] == [[int(s.sum()), len(s)] for s in played]
            ends = [exact(success, confidence) for success in played]
            assert band["y"] == pytest.approx([high for _, high in ends] + [low for low, _ in reversed(ends)])


def test_maps_on_the_page_follow_from_the_episodes(data: Data) -> None:
    shown = figures(data, "heatmap")
    pairs = list(dict.fromkeys(p["over"] for p in data.points if p["part"] == "map"))
    assert pairs[0] == "payload link_mass" and len(pairs) == 2 and len(shown) == 4
    for policy, own in (("calm", shown[:2]), ("wild", shown[2:])):
        for over, (heat,) in zip(pairs, own, strict=True):
            played = [data.at(policy, int(p["point"])) for p in data.of("map", over)]
            assert np.ravel(heat["z"]).tolist() == [success.mean() for success in played]
            assert np.ravel(heat["text"]).tolist() == [f"{s.mean():.0%}<br>n {len(s)}" for s in played]


def test_the_joint_test_on_the_page_follows_from_the_episodes(data: Data) -> None:
    rows = [int(p["point"]) for p in data.of("joint")]
    text = unescape(data.page)
    for policy in ("calm", "wild"):
        success, returns, seconds = (
            np.array([data.at(policy, row, name) for row in rows])
            for name in ("success", "return", "seconds_to_success")
        )
        assert success.shape == (64, 2)
        mastered = success.mean(1) >= 0.5
        low, high = exact(mastered)
        assert f">{int(success.sum())} of 128<" in text
        assert f">{mastered.mean():.1%} [{low:.1%}, {high:.1%}]<" in text
        # Korn and Graubard: the episodes count as many as would vary as the worlds' means do.
        p, variance = success.mean(), success.mean(1).var(ddof=1) / 64
        effective = min(128.0, p * (1 - p) / variance)
        assert re.search(rf">{p:.1%} \[\d+\.\d%, \d+\.\d%\]<", text), (p, effective)
        found = data.results["sweeps"][policy]["joint"]
        for name, values, bad in (("return", returns, 1), ("seconds_to_success", seconds, -1)):
            scores = np.sort(bad * values[np.isfinite(values)]) * bad
            worst = scores[: int(np.ceil(0.1 * len(scores)))].mean()
            fifth = np.percentile(scores, 5 if bad == 1 else 95)
            told = next(s for s in found["scores"] if s["name"] == name)
            for value, ends in ((scores.mean(), "mean"), (fifth, "percentile"), (worst, "cvar")):
                assert told[ends] == pytest.approx(value)
                a, b = told[f"{ends}_interval"]
                assert a <= value <= b or name == "seconds_to_success"
                assert f">{told[ends]:.4g} [{a:.4g}, {b:.4g}]<" in text


def test_the_ranking_on_the_page_follows_from_the_episodes(data: Data) -> None:
    """Recomputed the long way: class by class, member by member."""
    points = data.of("joint")
    names = [n for n in points[0] if n not in ("point", "part", "over") and len({p[n] for p in points}) > 1]
    for policy, traces in zip(("calm", "wild"), figures(data, "bar"), strict=True):
        for trace, column in ((traces[0], "success"), (traces[1], "return")):
            y = np.array([data.at(policy, int(p["point"]), column).mean() for p in points])
            index: dict[str, float] = {}
            for name in names:
                order = np.argsort([float(p[name]) for p in points], kind="stable")
                classes = [y[order[k * 16 : (k + 1) * 16]] for k in range(4)]
                between = sum(len(c) * (c.mean() - y.mean()) ** 2 for c in classes)
                within = sum(((c - c.mean()) ** 2).sum() for c in classes) / (64 - 4)
                group = name.partition("[")[0]
                index[group] = index.get(group, 0.0) + (between - 3 * within) / ((y - y.mean()) ** 2).sum()
            shown = {
                re.sub(r" &times; \d+$", "", name).replace(" ", "_"): value
                for name, (value, _) in zip(trace["y"], trace["customdata"], strict=True)
            }
            assert shown == pytest.approx(index, abs=1e-9)


def test_the_pair_on_the_page_follows_from_the_episodes(data: Data, swept: Sweep) -> None:
    rows = [int(p["point"]) for p in data.of("joint")]
    calm, wild = (np.array([data.at(policy, row) for row in rows]) for policy in ("calm", "wild"))
    alone = int((calm > wild).sum()), int((wild > calm).sum())
    (pair,) = swept.pairs
    assert (pair.only_first, pair.only_second) == alone
    assert pair.difference == pytest.approx(calm.mean() - wild.mean())
    assert pair.p_value == pytest.approx(binomtest(alone[0], sum(alone)).pvalue if sum(alone) else 1.0)
    a, b = (np.array([data.at(policy, row, "return") for row in rows]) for policy in ("calm", "wild"))
    assert pair.better_return == pytest.approx(((a > b) + 0.5 * (a == b)).mean())
    assert f">{alone[0]} and {alone[1]} of 128<" in data.page
    assert (
        f"{pair.difference:+.1%} [{pair.difference_interval[0]:+.1%}, {pair.difference_interval[1]:+.1%}]" in data.page
    )


def test_policies_meet_the_same_worlds_and_the_budget_is_kept(data: Data) -> None:
    for policy in ("calm", "wild"):
        rows = [(r["point"], r["episode"]) for r in data.episodes if r["policy"] == policy]
        assert len(rows) == len(set(rows)) <= PLAN["budget"]
    tried = [len(data.at("calm", int(p["point"]))) for p in data.points if p["part"] != "joint"]
    assert set(tried) <= {16, 32, 64} and max(tried) > 16


def test_gaps_that_the_task_has_or_cannot_have_are_left_out_and_told(data: Data) -> None:
    assert "gaps left out" in data.page
    assert "payload: a parameter of the task" in data.page
    assert "pose_freeze" in data.page and "matches nothing" in data.page
    held = [float(p["command_hold"]) for p in data.of("joint")]
    assert set(held) == {0.0}, "nominal but where a sweep looks at it"


def test_the_same_call_again_plays_nothing_and_gives_the_same(swept: Sweep, policies: list[Path]) -> None:
    before = {p.name: p.read_bytes() for p in swept.folder.iterdir() if p.name != "report.html"}
    again = ashore.sweep(policies, plan=plan_of(PLAN, "plan"), out=swept.folder, quiet=True)
    assert again.results == swept.results
    assert {p.name: p.read_bytes() for p in swept.folder.iterdir() if p.name != "report.html"} == before
    with pytest.raises(UsageError, match=r"holds the episodes of another sweep \(plan.episodes 16, now 8"):
        ashore.sweep(policies, plan=plan_of({**PLAN, "episodes": 8}, "plan"), out=swept.folder, quiet=True)
    assert {p.name: p.read_bytes() for p in swept.folder.iterdir() if p.name != "report.html"} == before


def test_a_policy_of_another_task_is_refused_with_both(policies: list[Path], tmp_path: Path) -> None:
    export_untrained(load_run("cartpole_swingup"), tmp_path / "pole.onnx")
    with pytest.raises(
        UsageError, match="pole is of task cartpole_swingup with cartpole, calm of arm_reach with panda; allowed"
    ):
        ashore.sweep([policies[0], tmp_path / "pole.onnx"], ["payload"], out=tmp_path, quiet=True)
    with pytest.raises(UsageError, match="allowed: each policy once"):
        ashore.sweep([policies[0], policies[0]], ["payload"], out=tmp_path, quiet=True)
    assert [p.name for p in tmp_path.iterdir()] == ["pole.onnx"]


JOINT = {"worlds": 16}
KICK = {
    "effect": "kick",
    "kind": "body",
    "match": "nobody",
    "interval": 1.0,
    "unit": "m/s",
    "nominal": 0,
    "low": 0,
    "high": 1,
}


@pytest.mark.parametrize(
    ("plan", "told"),
    [
        ({"curves": {"over": ["paylaod"]}}, "parameter = 'paylaod'; did you mean payload"),
        ({"joint": {**JOINT, "ranges": {"payload": [0.0, 50.0]}}}, r"payload = \[0, 50\] kg; allowed: .* \[0, 5\] kg"),
        ({"joint": {**JOINT, "ranges": {"payload": [2.0, 1.0]}}}, "the lower one first"),
        ({"joint": {**JOINT, "ranges": {"wind": [0.0, 1.0]}}}, "parameter = 'wind'; allowed: .*payload"),
        ({"curves": {}, "gaps": {"payload": KICK}}, "gaps.payload is a parameter of task arm_reach already"),
        ({"curves": {}, "gaps": {"kick": KICK}}, "gaps.kick kicks floating bodies, and this model has none; allowed"),
        ({"curves": {}, "gaps": {"wind": "catalogue"}}, "wind = catalogue; .*allowed: "),
        ({"curves": {}, "gaps": {"kick": {**KICK, "unit": "N"}}}, "unit = 'N'; allowed: 'm/s'"),
        ({"curves": {"over": ["payload"]}, "budget": 100}, "budget = 100; allowed: at least 576"),
    ],
)
def test_a_plan_that_does_not_fit_the_task_is_told(policies: list[Path], plan: dict[str, Any], told: str) -> None:
    with pytest.raises(AshoreError, match=told):
        run_sweep(load_trained(str(policies[0])), plan_of(plan, "plan"))


def test_ranges_without_a_width_are_refused(policies: list[Path]) -> None:
    policy = load_trained(
        str(policies[0]),
        [
            "task.randomization={payload: {field: [body_mass], match: payload, op: set, "
            "unit: kg, nominal: 0.0, low: 0.0, high: 0.0, bounds: [0.0, 5.0]}}"
        ],
    )
    with pytest.raises(
        UsageError, match=r"joint.within = declared: no parameter has a width there; allowed: wider ranges"
    ):
        run_sweep(policy, plan_of({"joint": JOINT}, "plan"))


def test_maps_of_what_is_fragile_for_another_policy_are_not_mixed_in(policies: list[Path], tmp_path: Path) -> None:
    over = {"over": ["payload", "link_mass", "joint_damping"], "points": 2}
    plan = plan_of({"episodes": 1, "curves": over, "maps": {"fragile": 2, "points": 2}}, "plan")
    ashore.sweep(policies, plan=plan, out=tmp_path, quiet=True)
    with pytest.raises(UsageError, match=r"another sweep \(fragile .*, now null\)"):
        ashore.sweep(policies[::-1], plan=plan, out=tmp_path, quiet=True)
