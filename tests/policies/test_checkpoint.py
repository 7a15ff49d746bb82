"""Checkpoints come back to the bit, or not at all."""

from __future__ import annotations

import json
import math
import multiprocessing
import shutil
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ashore.policies import checkpoint
from ashore.policies.checkpoint import CheckpointError, Part, complete, latest, load, load_parts, save
from ashore.policies.serialize import decode, encode

PHILOX = np.random.Philox(5)
STATE: dict[str, Any] = {
    "tensors": [torch.arange(6.0).reshape(2, 3).T, torch.tensor(True), torch.zeros(0, 4), torch.randn(3).bfloat16()],
    "arrays": {
        "float64": np.array([0.1, np.nan, -0.0, np.inf]),
        "uint64": np.array([2**64 - 1], dtype=np.uint64),
        "bool": np.array([[True], [False]]),
        "int64": np.array(-(2**62)),
        "text": np.array(["a", "bc"]),
        "complex": np.array([1 + 2j]),
        "big endian": np.array([1.5, 2.5], dtype=">f8"),
    },
    "generator": PHILOX.state,
    "plain": [1, 2**80, 0.1, -math.inf, "ä", None, True, (1, "two"), np.float32(0.1), {}],
    "keys": {3: "three", "$tensor": "not one"},
}


def assert_same(a: Any, b: Any) -> None:
    assert type(a) is type(b)
    if isinstance(a, dict):
        assert list(a) == list(b)
        for key in a:
            assert_same(a[key], b[key])
    elif isinstance(a, list | tuple):
        assert len(a) == len(b)
        for x, y in zip(a, b, strict=True):
            assert_same(x, y)
    elif isinstance(a, torch.Tensor):
        assert (a.dtype, a.shape) == (b.dtype, b.shape)
        assert torch.equal(a, b)
    elif isinstance(a, np.ndarray | np.generic):
        assert (a.dtype, a.shape, a.tobytes()) == (b.dtype, b.shape, b.tobytes())
    else:
        assert a == b


def test_everything_comes_back_to_the_bit(tmp_path: Path) -> None:
    assert_same(load(save(tmp_path, 1, STATE, keep=3)), STATE)


leaves = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()


@given(st.recursive(leaves, lambda x: st.lists(x) | st.tuples(x, x) | st.dictionaries(st.text() | st.integers(), x)))
def test_any_nesting_survives_json(value: Any) -> None:
    arrays: dict[str, np.ndarray] = {}
    assert_same(decode(json.loads(json.dumps(encode(value, arrays))), arrays), value)


def test_what_cannot_be_stored_is_named() -> None:
    with pytest.raises(TypeError, match="cannot store a set"):
        encode({"a": {1, 2}}, {})
    with pytest.raises(TypeError, match="array of object"):
        encode(np.array([None]), {})


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(data=st.data())
def test_one_flipped_bit_is_refused(tmp_path: Path, data: st.DataObject) -> None:
    path = save(tmp_path, 1, STATE, keep=1)
    file = path / data.draw(st.sampled_from([checkpoint.MANIFEST, checkpoint.STATE, checkpoint.TENSORS]))
    content = bytearray(file.read_bytes())
    bit = data.draw(st.integers(0, 8 * len(content) - 1))
    content[bit // 8] ^= 1 << bit % 8
    file.write_bytes(content)
    if file.name == checkpoint.MANIFEST:
        try:  # white space may change
            assert_same(load(path), STATE)
        except CheckpointError:
            return
    else:
        with pytest.raises(CheckpointError, match="damaged"):
            load(path)


@pytest.mark.parametrize("name", [checkpoint.MANIFEST, checkpoint.STATE, checkpoint.TENSORS])
def test_truncated_and_missing_files_are_refused(tmp_path: Path, name: str) -> None:
    path = save(tmp_path, 1, STATE, keep=1)
    content = (path / name).read_bytes()
    (path / name).write_bytes(content[:-10])
    with pytest.raises(CheckpointError, match=name):
        load(path)
    (path / name).unlink()
    with pytest.raises(CheckpointError, match=name):
        load(path)


def test_foreign_folders_are_refused(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="no checkpoint"):
        load(tmp_path / "none")
    path = save(tmp_path, 1, STATE, keep=1)
    manifest = json.loads((path / checkpoint.MANIFEST).read_text())
    (path / checkpoint.MANIFEST).write_text(json.dumps(manifest | {"format": "other/1"}))
    with pytest.raises(CheckpointError, match="other/1"):
        load(path)
    (path / checkpoint.MANIFEST).write_text("[]")
    with pytest.raises(CheckpointError, match="manifest"):
        load(path)


def test_the_newest_are_kept_and_found(tmp_path: Path) -> None:
    assert latest(tmp_path / "none") is None
    for step in (5, 900, 1000, 20000):
        save(tmp_path, step, {"step": step}, keep=2)
    assert [load(p)["step"] for p in complete(tmp_path)] == [1000, 20000]
    assert sorted(p.name for p in tmp_path.iterdir()) == ["000000001000", "000000020000"]
    shutil.copytree(tmp_path / "000000020000", tmp_path / ".partial-000000030000")
    assert latest(tmp_path) == tmp_path / "000000020000"
    save(tmp_path, 20000, {"step": -1}, keep=2)
    assert [load(p)["step"] for p in complete(tmp_path)] == [1000, -1]
    assert not list(tmp_path.glob(".partial*"))


def _save_forever(folder: Path) -> None:
    step = 0
    while True:
        step += 1
        save(folder, step, {"step": step, "array": np.full(50_000, step)}, keep=2)


def test_killed_at_any_moment_the_latest_is_whole(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    for i in range(8):
        folder = tmp_path / str(i)
        process = multiprocessing.get_context("fork").Process(target=_save_forever, args=(folder,))
        process.start()
        while latest(folder) is None:
            time.sleep(0.001)
        time.sleep(random.uniform(0, 0.03))
        process.kill()
        process.join()
        found = latest(folder)
        assert found is not None
        state = load(found)
        assert (state["array"] == state["step"]).all() and found.name == f"{state['step']:012d}"


def _part(version: int, value: float) -> dict[str, Part]:
    return {"x": Part(version, lambda: {"a": np.full(1000, value)})}


def test_a_part_that_was_damaged_is_written_anew(tmp_path: Path) -> None:
    for step, harm in ((1, "part"), (2, "manifest"), (3, None)):
        path = save(tmp_path, step, {}, 9, _part(7, 1.0))
        assert dict(load_parts(path))["x"]["a"].tolist() == [1.0] * 1000
        if harm == "part":
            (path / "x.part.safetensors").write_bytes(b"short")
        elif harm == "manifest":
            (path / "manifest.json").write_text("{")
    assert not (tmp_path / f"{3:012d}" / "x.part.safetensors").samefile(
        path.with_name(f"{1:012d}") / "x.part.safetensors"
    )
