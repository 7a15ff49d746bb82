"""What follows from a compiled model alone, as the postures episodes start in, is computed once in a process."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

import mujoco
import numpy as np
from numpy.typing import NDArray

MOST = 32  # results kept, of a few hundred kilobytes each; the oldest goes first

Arrays = tuple[NDArray[np.float64], ...]
_kept: dict[bytes, Arrays] = {}


def computed_once(model: mujoco.MjModel, settings: str, compute: Callable[[], Arrays]) -> Arrays:
    """Copies of what `compute` gives: of the same model, to the bit, and the same settings it is called once.

    settings: whatever else the result depends on, as text, the name of what is computed included. Errors are not kept.
    """
    bits = np.zeros(mujoco.mj_sizeModel(model), np.uint8)
    mujoco.mj_saveModel(model, None, bits)
    key = hashlib.sha256(bits.tobytes() + settings.encode()).digest()
    if key not in _kept:
        result = compute()
        if len(_kept) >= MOST:
            del _kept[next(iter(_kept))]
        _kept[key] = result
    return tuple(array.copy() for array in _kept[key])
