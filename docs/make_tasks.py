"""Writes docs/tasks.md and its pictures from the code and from benchmarks/results: `make docs`.

What a task says of itself comes from the docstrings of its file and its class; the fields of its `Rewards` describe the reward
terms. A line `NAME: words` in the class's docstring describes the metric of that name. Reference results are read from
benchmarks/results/train_PRESET.json: a list of objects with seed, steps, seconds, success, commit, command, and any
"metric/NAME" as `ashore evaluate --json` gives them.
"""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from ashore.configs.loader import load_run, presets
from ashore.deploy_ros.messages import RoutingError
from ashore.deploy_ros.routes import routes_of
from ashore.environments import make_env
from ashore.sim import tasks
from ashore.sim.env import Env
from ashore.sim.tasks.task import Task

DOCS = Path(__file__).parent
PAGE, PICTURES = DOCS / "tasks.md", DOCS / "tasks"
RESULTS = DOCS.parent / "benchmarks" / "results"
WIDTH, HEIGHT, COLOURS = 320, 240, 128
INTRODUCTION = """# Tasks

What there is to learn, and how well it was learned. `ashore train PRESET` trains, `ashore config PRESET` prints every setting,
and `--set` changes any. [new-task.md](new-task.md) adds a task. This page is written by `make docs`, from the code.
"""


class Entry(NamedTuple):
    """A preset and what its environment tells."""

    preset: str
    env: Env

    @property
    def task(self) -> Task:
        return self.env.task


def entries() -> dict[str, list[Entry]]:
    """Presets by task; the one that has the task's name comes first."""
    groups: dict[str, list[Entry]] = {}
    for preset in sorted(presets(), key=lambda name: (name not in tasks.TASKS, name)):
        task = load_run(preset).task
        groups.setdefault(task.name, []).append(Entry(preset, make_env(task, 1)))
    return dict(sorted(groups.items()))


def page(groups: dict[str, list[Entry]]) -> str:
    """The whole of docs/tasks.md."""
    return "\n".join((INTRODUCTION, overview(groups), *(section(name, group) for name, group in groups.items())))


def overview(groups: dict[str, list[Entry]]) -> str:
    rows = []
    for name, group in groups.items():
        robots = dict.fromkeys(e.env.settings.robot.name for e in group)
        picture = f'<img src="tasks/{name}.png" width="160" alt="{name}">'
        rows.append(
            (picture, f"[{name}](#{name})", summary(group[0].task), ", ".join(robots), successes(group[0].preset))
        )
    return table(("", "task", "what", "robot", "success"), rows)


def section(name: str, group: Sequence[Entry]) -> str:
    """All of one task: its words, presets, signals and terms."""
    env, task = group[0].env, group[0].task
    prose, words = said(type(task))
    module = inspect.getdoc(inspect.getmodule(type(task))) or ""
    sizes = env.observation_sizes
    memory = ", ".join(f"`{m.name}` [{m.size}] {m.unit}" for m in env.interface.memory)
    besides = f" and its own memory, {memory}" if memory else ""
    parts = [
        f"## {name}\n",
        f"![{name}](tasks/{name}.png)\n",
        f"{module}\n",
        f"{prose}\n",
        table(
            (
                "preset",
                "robot",
                "actions",
                "control",
                "episode",
                "randomized",
                "exported",
                "runs as a node",
                "reference",
            ),
            map(facts, group),
        ),
        f"The policy sees {sizes['actor']} values: these signals{besides}. The critic sees {sizes['critic']}.\n",
        table(
            ("signal", "shape", "unit", "kind", "frame", "what"),
            ((f"`{s.name}`", f"[{s.size}]", s.unit, s.kind, s.frame, s.description) for s in env.interface.signals),
        ),
        "Reward terms; `--set task.rewards.NAME=WEIGHT` changes a weight.\n",
        table(("reward term", "weight", "allowed", "what"), weights(task)),
    ]
    if task.metrics:
        parts.append(terms("Metrics", task.metrics, words))
    if options := task.options.model_dump():
        parts.append("Options: " + ", ".join(f"`{k}` {json.dumps(v)}" for k, v in options.items()) + ".\n")
    return "\n".join(parts)


def weights(task: Task) -> list[tuple[str, ...]]:
    """A row a reward term."""
    model = type(task.rewards)
    words, bounds = model.words(), model.bounds
    return [
        (f"`{name}`", f"{weight:g}", "{:g} to {:g}".format(*bounds(name)), words.get(name, ""))
        for name, weight in task.rewards
    ]


def terms(title: str, names: Sequence[str], words: dict[str, str]) -> str:
    """A list, each with its words where the task has any."""
    if not set(names) & set(words):
        return f"{title}: " + ", ".join(f"`{name}`" for name in names) + ".\n"
    return f"{title}:\n\n" + "".join(
        f"- `{name}`: {words[name]}\n" if name in words else f"- `{name}`\n" for name in names
    )


def routable(entry: Entry) -> str:
    """Whether the ROS 2 node knows where each signal comes from."""
    if entry.task.raw_actuators:
        return "no"
    try:
        routes_of(entry.env.interface)
    except RoutingError:
        return "not yet: signals without a route"
    return "yes"


def facts(entry: Entry) -> tuple[str, ...]:
    """A preset's row."""
    env, settings = entry.env, entry.env.settings
    if entry.task.raw_actuators:
        actions = f"the model's actuators [{env.action_size}]"
    elif settings.action == "velocity":
        actions = f"joint velocities [{env.action_size}], up to {settings.action_scale:g} of their limits"
    elif settings.action == "tool":
        joints = env.action_size - 4
        gripper = " and the gripper" if joints else ""
        actions = f"velocity of the tool{gripper} [{env.action_size}], up to {settings.action_scale:g} m/s"
        if env.interface.heading:
            end, start = (name.removesuffix("_position") for name in env.interface.heading)
            actions += f", x along the way from {start} to {end}"
    else:
        actions = f"joint positions [{env.action_size}], up to {settings.action_scale:g} rad from home"
    randomized = len(env.randomizer.dimensions) if env.randomizer else 0
    return (
        f"`{entry.preset}`",
        settings.robot.name,
        actions,
        f"{1 / settings.control_dt:.4g} Hz",
        f"{settings.episode_seconds:g} s",
        f"{randomized} parameters" if randomized else "nothing",
        "no" if entry.task.raw_actuators else "yes",
        routable(entry),
        reference(entry.preset),
    )


def summary(task: Task) -> str:
    """The first sentence of the task's file."""
    module = inspect.getdoc(inspect.getmodule(type(task))) or ""
    return module.split("\n\n")[0].replace("\n", " ").split(". ")[0].rstrip(".") + "."


def said(task: type[Task]) -> tuple[str, dict[str, str]]:
    """The prose of the class's docstring, and its words about metrics."""
    text, lines = inspect.getdoc(task) or "", r"^([a-z]\w*): (.+(?:\n +.+)*)\n?"
    words = {name: re.sub(r"\s+", " ", about) for name, about in re.findall(lines, text, re.M)}
    return re.sub(lines, "", text, flags=re.M).strip(), words


def results(preset: str) -> list[dict[str, Any]]:
    """The preset's reference trainings, if there are any."""
    path = RESULTS / f"train_{preset}.json"
    rows: list[dict[str, Any]] = json.loads(path.read_text()) if path.is_file() else []
    return sorted(rows, key=lambda row: row["seed"])


def successes(preset: str) -> str:
    return span([row["success"] for row in results(preset)], "{:.2f}") or "none yet"


def reference(preset: str) -> str:
    """Reference trainings in a sentence."""
    rows = results(preset)
    if not rows:
        return "none yet"
    steps = span([row["steps"] / 1e6 for row in rows], "{:.2g}")
    seconds = span([row["seconds"] for row in rows], "{:.0f}")
    seeds = ", ".join(str(row["seed"]) for row in rows)
    text = f"success {successes(preset)} after {steps} M steps in {seconds} s (seeds {seeds})"
    for key in (k for k in rows[0] if k.startswith("metric/")):
        text += f"; {key.removeprefix('metric/')} {span([row[key] for row in rows], '{:.3g}')}"
    text += "".join(f"; {note}" for note in {row["note"]: None for row in rows if "note" in row})
    return f"{text} ([curve](../benchmarks/results/train_{preset}.svg))"


def span(values: Sequence[float], style: str) -> str:
    """Smallest to largest; one figure where they read the same; nothing of nothing."""
    ends = [style.format(f(values)) for f in (min, max)] if values else [""]
    return " to ".join(dict.fromkeys(ends))


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    cells = (" | ".join(cell.replace("|", r"\|") for cell in line) for line in lines)
    return "".join(f"| {line} |\n" for line in cells)


def draw(name: str, env: Env) -> None:
    """The start of the task's first episode, as a small PNG."""
    from PIL import Image

    from ashore.sim.view.render import Renderer

    env.reset(1)
    renderer = Renderer(env, WIDTH, HEIGHT)
    picture = Image.fromarray(renderer.frame()).quantize(COLOURS)
    renderer.close()
    PICTURES.mkdir(exist_ok=True)
    picture.save(PICTURES / f"{name}.png", optimize=True)


def main() -> None:
    groups = entries()
    PAGE.write_text(page(groups))
    for name, group in groups.items():
        draw(name, group[0].env)
    print(f"{len(groups)} tasks in {PAGE} and {PICTURES}")


if __name__ == "__main__":
    main()
