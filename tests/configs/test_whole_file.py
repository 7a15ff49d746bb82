"""A file is whole or not there, and nothing lies beside it."""

from __future__ import annotations

import errno
import os
import threading
from pathlib import Path

import pytest

from ashore.configs.errors import UsageError
from ashore.configs.whole_file import require_writable, whole_file


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


def test_a_pipe_is_written_to_as_it_is(tmp_path: Path) -> None:
    pipe, read = tmp_path / "pipe", list[str]()
    os.mkfifo(pipe)
    reader = threading.Thread(target=lambda: read.append(pipe.read_text()))
    reader.start()
    with whole_file(pipe) as part:
        part.write_text("all of it")
    reader.join()
    assert read == ["all of it"] and pipe.is_fifo() and list(tmp_path.iterdir()) == [pipe]


def test_a_pipe_is_not_opened_before_there_is_something_to_write(tmp_path: Path) -> None:
    """Nobody reads from it: opening it would wait for ever."""
    os.mkfifo(tmp_path / "pipe")
    require_writable(tmp_path / "pipe")
    assert (tmp_path / "pipe").is_fifo()


def test_a_place_where_a_file_can_be_written_stays_as_it_is_but_for_its_folder(tmp_path: Path) -> None:
    (tmp_path / "old").write_text("old")
    require_writable(tmp_path / "old")
    require_writable(tmp_path / "new" / "a.txt")
    assert (tmp_path / "old").read_text() == "old"
    assert {path.name for path in tmp_path.rglob("*")} == {"old", "new"}


@pytest.mark.parametrize(
    ("path", "why"),
    [
        (".", "Is a directory"),
        ("file/a.txt", "file is no folder"),
        ("file/further/a.txt", "Not a directory"),
        ("a" * 300, "File name too long"),
        ("a\0b", "embedded null"),
    ],
)
def test_a_place_where_none_can_be_written_is_refused(tmp_path: Path, path: str, why: str) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UsageError, match=rf"cannot be written: .*{why}.*; allowed: a file"):
        require_writable(tmp_path / path)
    assert [path.name for path in tmp_path.rglob("*")] == ["file"]
