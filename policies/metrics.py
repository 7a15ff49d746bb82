"""What a run reports: one JSON object an iteration in `metrics.jsonl`, the same numbers as TensorBoard events."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

FILE = "metrics.jsonl"


class Metrics:
    """Writes the metrics of a run; opened at `steps`, it first drops what was written after that."""

    def __init__(self, folder: Path, steps: int = 0) -> None:
        # Imported here: it takes a second, and reading a policy does not need it.
        from torch.utils.tensorboard import SummaryWriter

        folder.mkdir(parents=True, exist_ok=True)
        self.path = folder / FILE
        _drop_after(self.path, steps)
        self._file = open(self.path, "a", encoding="utf-8")  # noqa: SIM115, closed by __exit__
        self._events = SummaryWriter(str(folder / "tensorboard"), purge_step=steps + 1)

    def write(self, record: Mapping[str, float]) -> None:
        """Append one iteration; `record` has its "steps". A number that is not finite is written as null."""
        plain = {name: x if math.isfinite(x) else None for name, x in record.items()}
        self._file.write(json.dumps(plain) + "\n")
        self._file.flush()
        for name, x in record.items():
            self._events.add_scalar(name, x, int(record["steps"]))

    def sync(self) -> None:
        """Flush to disk, so that a checkpoint never knows more iterations than the file."""
        os.fsync(self._file.fileno())
        self._events.flush()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._file.close()
        self._events.close()


def read(folder: Path) -> tuple[dict[str, Any], ...]:
    """The iterations of a run, as far as they were written whole; none where there is no file."""
    path = folder / FILE
    text = path.read_text(encoding="utf-8") if path.is_file() else ""
    whole = text[: text.rfind("\n") + 1]  # a process killed while writing leaves half a line
    return tuple(json.loads(line) for line in whole.splitlines())


def _drop_after(path: Path, steps: int) -> None:
    """Keep the lines up to `steps`; a process killed while writing may have left a last one incomplete."""
    if not path.exists():
        return
    kept = []
    for line in path.read_text(encoding="utf-8").splitlines(keepends=True):
        try:
            if json.loads(line)["steps"] > steps:
                break
        except ValueError:
            break
        kept.append(line)
    temporary = path.with_suffix(".partial")
    temporary.write_text("".join(kept), encoding="utf-8")
    temporary.replace(path)
