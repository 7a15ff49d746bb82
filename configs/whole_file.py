"""A file that is never there half written, and leaves nothing behind where it cannot be written."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ashore.configs.errors import UsageError


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Gives the path to write to, in the same folder and with the same ending; in the end it takes the place of `path`.
    A device or a pipe is given as it is.

    What goes wrong is raised; an OSError without a file's name, as of a disk that is full, is told with `path`.
    """
    if _is_special(path):
        yield path
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    part = _part(path)
    try:
        yield part
        with part.open("rb") as file:
            os.fsync(file.fileno())
        os.replace(part, path)
    except OSError as error:
        if error.filename is None and error.errno is not None:
            raise OSError(error.errno, error.strerror, str(path)) from error
        raise
    finally:
        part.unlink(missing_ok=True)


def require_writable(path: Path) -> None:
    """Raise UsageError, before any work, where a file cannot be written that is to hold what comes of it; make its folder.

    A device or a pipe is not opened: whoever reads from a pipe would see it end, and without a reader it would wait for one.
    """
    part = _part(path)
    try:
        if path.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        if _is_special(path):
            if not os.access(path, os.W_OK):
                raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        part.touch()
        part.unlink()
    except FileExistsError:
        raise UsageError(f"{path} cannot be written: {path.parent} is no folder; allowed: a file in one") from None
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or error
        raise UsageError(f"{path} cannot be written: {why}; allowed: a file where there can be one") from None


def _is_special(path: Path) -> bool:
    """Whether nothing can take its place: a device, a pipe, a folder."""
    return path.exists() and not path.is_file()


def _part(path: Path) -> Path:
    """Where a file is written until it is whole."""
    return path.with_name(f".part-{path.name}")
