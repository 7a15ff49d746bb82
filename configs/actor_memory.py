"""What an actor remembers of its episode, as settings."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from ashore.configs.base import Count, Settings


class MemorySettings(Settings):
    """One observation does not tell which world it is from; several do: how they came about is what lambda changes."""

    kind: Literal["none", "history", "gru", "lstm"] = "none"
    steps: Annotated[int, Field(ge=2, le=64)] = Field(
        default=8, description="history: observations that the actor sees side by side, the present one included"
    )
    size: Annotated[int, Field(ge=1, le=1024)] = Field(default=128, description="gru, lstm: values of the state")
    sequence: Count | None = Field(
        default=None, description="gru, lstm: control steps that gradients go back; left out: a whole rollout"
    )
    burn_in: Annotated[int, Field(ge=0)] = Field(
        default=0,
        description="gru, lstm: control steps before each sequence that bring its first state up to date, without gradients",
    )

    @property
    def recurrent(self) -> bool:
        return self.kind in ("gru", "lstm")
