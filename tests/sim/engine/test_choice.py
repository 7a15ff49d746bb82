"""Engines and devices that are not here: one line each that says what to do. None of these tests needs Warp or a GPU."""

from __future__ import annotations

import sys

import mujoco
import pytest

import ashore
from ashore.cli import main
from ashore.configs.loader import ConfigError
from ashore.sim.engine.capacity import Capacity, EngineError, capacity_of, out_of_memory, require_memory
from ashore.sim.engine.choice import require_device

WARP = ["--set", "task.engine=warp"]


def test_a_missing_extra_is_one_line_that_names_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "mujoco_warp", None)
    monkeypatch.delitem(sys.modules, "ashore.sim.engine.gpu", raising=False)
    assert main(["train", "quadruped_velocity", *WARP, "--run", "nowhere"]) == 2
    said = capsys.readouterr().err
    assert said == "ashore: this needs mujoco_warp, which is not installed; in a checkout: pip install '.[gpu]'\n"


@pytest.mark.parametrize(("name", "gpus"), [("cuda", 0), ("cuda:1", 1)])
def test_a_device_that_is_not_here_is_refused_with_those_that_are(name: str, gpus: int) -> None:
    there = ", ".join(["cpu", *(f"cuda:{i}" for i in range(gpus))])
    with pytest.raises(EngineError, match=rf"task.device = {name}; allowed: {there}"):
        require_device(name, gpus)


def test_a_device_that_is_here_is_taken() -> None:
    for name in ("cpu", "cuda", "cuda:0", "cuda:1"):
        require_device(name, 2)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (["task.engine=jax"], "task.engine = 'jax'.*cpu.*warp"),
        (["task.engine=warp", "task.device=gpu0"], "task.device = 'gpu0'"),
        (["task.device=cuda"], "device = cuda is of engine warp"),
    ],
)
def test_wrong_names_are_faults_of_the_settings(changes: list[str], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        ashore.make_env("quadruped_velocity", 1, overrides=changes)


def test_mirrors_of_benchmarks_stay_on_the_engine_that_their_numbers_come_from() -> None:
    with pytest.raises(EngineError, match=r"task hopper mirrors a benchmark.*allowed: task.engine=cpu"):
        ashore.make_env("hopper", 1, overrides=["task.engine=warp"])


def test_more_worlds_than_a_gpu_has_room_for_are_refused_with_how_many_it_has() -> None:
    require_memory(90, each=100, once=1000, free=10_000)
    with pytest.raises(EngineError, match=r"need about .* GB .*at most 90 worlds \(train.num_envs\)"):
        require_memory(91, each=100, once=1000, free=10_000)


def test_an_allocation_that_fails_later_says_the_same() -> None:
    said = r"64 worlds do not fit: Failed to allocate .*fewer \(train.num_envs\)"
    with pytest.raises(EngineError, match=said), out_of_memory(64):
        raise RuntimeError("Failed to allocate 9000000000 bytes on device 'cuda:0'")
    with pytest.raises(RuntimeError, match="another"), out_of_memory(64):
        raise RuntimeError("another")


def test_buffers_hold_the_contacts_of_the_rule_and_every_other_constraint() -> None:
    """Two free boxes on a plane: 12 degrees of freedom, 32 contacts of four pyramid edges; a weld has six rows."""
    box = '<body name="{0}"><freejoint/><geom size="1 1 1" type="box"/></body>'
    scene = f"<worldbody><geom type='plane' size='1 1 1'/>{box.format('a')}{box.format('b')}</worldbody>"
    weld, own = (
        "<equality><weld body1='a' body2='b'/></equality>",
        "<custom><numeric name='warp_contacts' data='5'/></custom>",
    )
    sizes = [capacity_of(mujoco.MjModel.from_xml_string(f"<mujoco>{scene}{more}</mujoco>")) for more in ("", weld, own)]
    assert sizes == [Capacity(32, 128), Capacity(32, 134), Capacity(5, 20)]
    alone = mujoco.MjModel.from_xml_string("<mujoco><worldbody/></mujoco>")
    assert capacity_of(alone) == Capacity(1, 1)
