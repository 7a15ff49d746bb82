"""Metrics as a run of Weights & Biases, an optional package. Its own variables apply: WANDB_PROJECT, WANDB_MODE=offline, ..."""

from __future__ import annotations

import os
import secrets
from collections.abc import Mapping
from pathlib import Path

from ashore.configs.errors import UsageError
from ashore.configs.yaml_text import load_text

PROJECT = "ashore"
ID_FILE = "wandb_id"  # in the run's folder, so that a resumed run goes on there too


class WandB:
    """A run of wandb, grouped with the other seeds of a set. Its axis is "steps"; what a killed run repeats is in it twice."""

    def __init__(self, folder: Path) -> None:
        import wandb

        folder = folder.resolve()
        config = folder / "config.yaml"
        try:
            self._run = wandb.init(
                project=os.environ.get("WANDB_PROJECT", PROJECT),
                dir=str(folder),
                id=_run_id(folder),
                resume="allow",
                name=f"{folder.parent.name}/{folder.name}",
                group=os.environ.get("WANDB_RUN_GROUP", folder.parent.name),
                config=load_text(config.read_text(encoding="utf-8"), str(config)) if config.is_file() else None,
            )
        except wandb.errors.Error as error:
            said = " ".join(str(error).split()).rstrip(".")
            raise UsageError(
                f"wandb: {said}; allowed: `wandb login` first, or WANDB_MODE=offline, and --resume"
            ) from None
        self._run.define_metric("*", step_metric="steps")

    def write(self, record: Mapping[str, float]) -> None:
        self._run.log(dict(record))

    def sync(self) -> None:
        """It sends by itself."""

    def close(self) -> None:
        self._run.finish()


def _run_id(folder: Path) -> str:
    path = folder / ID_FILE
    if not path.is_file():
        path.write_text(secrets.token_hex(4), encoding="utf-8")
    return path.read_text(encoding="utf-8").strip()
