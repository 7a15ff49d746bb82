"""Settings of networks that several algorithms share."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

Width = Annotated[int, Field(ge=1, le=8192)]  # of a layer
Activation = Literal["elu", "relu", "tanh", "silu"]
