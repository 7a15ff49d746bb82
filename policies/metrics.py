"""What a run reports: one JSON object an iteration in `metrics.jsonl`, and the same numbers in every sink that is asked for."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self

FILE = "metrics.jsonl"


class Sink(Protocol):
    """One place where records go."""

    def write(self, record: Mapping[str, float]) -> None:
        """Append one iteration; `record` has its "steps"."""

    def sync(self) -> None:
        """Flush what was written, so that a checkpoint never knows more iterations."""

    def close(self) -> None: ...


class Metrics:
    """Writes the metrics of a run into `metrics.jsonl` and the sinks of `log`, by name in `SINKS`.

    Opened at `steps`, it first drops what was written after that, as far as a sink can.
    """

    def __init__(self, folder: Path, steps: int = 0, log: Sequence[str] = ("tensorboard",)) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._sinks: list[Sink] = []
        try:
            self._sinks += [JsonLines(folder, steps)]
            self._sinks += (SINKS[name](folder, steps) for name in log)
        except BaseException:
            self._close()
            raise

    def write(self, record: Mapping[str, float]) -> None:
        """Append one iteration; `record` has its "steps"."""
        for sink in self._sinks:
            sink.write(record)

    def sync(self) -> None:
        """Flush to disk, so that a checkpoint never knows more iterations than the file."""
        for sink in self._sinks:
            sink.sync()

    def _close(self) -> None:
        for sink in self._sinks:
            sink.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._close()


class JsonLines:
    """One JSON object an iteration. A number that is not finite is written as null."""

    def __init__(self, folder: Path, steps: int) -> None:
        _drop_after(folder / FILE, steps)
        self._file = open(folder / FILE, "a", encoding="utf-8")  # noqa: SIM115, closed by close

    def write(self, record: Mapping[str, float]) -> None:
        plain = {name: x if math.isfinite(x) else None for name, x in record.items()}
        self._file.write(json.dumps(plain) + "\n")
        self._file.flush()

    def sync(self) -> None:
        os.fsync(self._file.fileno())

    def close(self) -> None:
        self._file.close()


class TensorBoard:
    """Events in the folder `tensorboard`."""

    def __init__(self, folder: Path, steps: int) -> None:
        # Imported here: it takes a second, and reading a policy does not need it.
        from torch.utils.tensorboard import SummaryWriter

        self._events = SummaryWriter(str(folder / "tensorboard"), purge_step=steps + 1)

    def write(self, record: Mapping[str, float]) -> None:
        for name, x in record.items():
            self._events.add_scalar(name, x, int(record["steps"]))

    def sync(self) -> None:
        self._events.flush()

    def close(self) -> None:
        self._events.close()


def _wandb(folder: Path, _steps: int) -> Sink:
    from ashore.policies.wandb_sink import WandB

    return WandB(folder)


SINKS = {"tensorboard": TensorBoard, "wandb": _wandb}


def require(log: Sequence[str]) -> None:
    """Raise ModuleNotFoundError where a sink's package is not installed, before a run leaves anything behind."""
    if "wandb" in log:
        import_module("wandb")


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
