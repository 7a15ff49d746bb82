"""A file is whole or not there, and nothing lies beside it."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from ashore.configs.whole_file import whole_file


def test_it_takes_the_place_of_what_was_there(tmp_path: Path) -> None:
    path = tmp_path / "new" / "a.txt"
    for text in ("one", "two"):
        with whole_file(path) as part:
            assert part.suffix == ".txt" and part.parent == path.parent
            part.write_text(text)
        assert path.read_text() == text
    assert list(path.parent.iterdir()) == [path]


def fail(path: Path, error: BaseException) -> None:
    with whole_file(path) as part:
        part.write_text("hal")
        raise error


@pytest.mark.parametrize("error", [KeyboardInterrupt(), ValueError("no number")])
def test_where_it_fails_what_was_there_stays_and_nothing_is_left(tmp_path: Path, error: BaseException) -> None:
    path = tmp_path / "a.txt"
    path.write_text("old")
    with pytest.raises(type(error)):
        fail(path, error)
    assert path.read_text() == "old" and list(tmp_path.iterdir()) == [path]


def test_a_full_disk_is_told_with_the_file(tmp_path: Path) -> None:
    unnamed = OSError(errno.ENOSPC, "No space left on device")  # as `write` raises it
    with pytest.raises(OSError, match=r"No space left on device: '.*a\.txt'"):
        fail(tmp_path / "a.txt", unnamed)
    assert list(tmp_path.iterdir()) == []
