"""Nested state as JSON, with its arrays set apart and named: what goes in comes out, to the bit and with its type."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

# What both numpy and safetensors write; other dtypes travel as bytes with their numpy name.
NATIVE = frozenset("bool int8 int16 int32 int64 uint8 uint16 uint32 uint64 float16 float32 float64".split())


def encode(value: Any, arrays: dict[str, np.ndarray]) -> Any:
    """JSON for `value`, with the content of its tensors and arrays added to `arrays`."""
    if value is None or type(value) in (bool, int, float, str):
        return value
    if isinstance(value, torch.Tensor):
        plain = value.detach().cpu()
        if plain.dtype == torch.bfloat16:
            return {"$tensor": _store(plain.view(torch.int16).numpy(), arrays), "as": "bfloat16"}
        return {"$tensor": _store(plain.numpy(), arrays)}
    if isinstance(value, np.generic):
        return {"$scalar": encode(np.asarray(value), arrays)}
    if isinstance(value, np.ndarray):
        if value.dtype.hasobject:
            raise TypeError(f"cannot store an array of {value.dtype}")
        if value.dtype.name in NATIVE and value.dtype.isnative:
            return {"$array": _store(value, arrays)}
        raw = np.frombuffer(value.tobytes(), dtype=np.uint8)
        return {"$array": _store(raw, arrays), "dtype": value.dtype.str, "shape": list(value.shape)}
    if type(value) is list:
        return [encode(item, arrays) for item in value]
    if type(value) is tuple:
        return {"$tuple": [encode(item, arrays) for item in value]}
    if isinstance(value, dict):
        if all(type(key) is str and not key.startswith("$") for key in value):
            return {key: encode(item, arrays) for key, item in value.items()}
        return {"$items": [[encode(key, arrays), encode(item, arrays)] for key, item in value.items()]}
    raise TypeError(f"cannot store a {type(value).__name__}: {value!r:.100}")


def decode(value: Any, arrays: dict[str, np.ndarray]) -> Any:
    """What `encode` was given; arrays and tensors are fresh and writable."""
    if isinstance(value, list):
        return [decode(item, arrays) for item in value]
    if not isinstance(value, dict):
        return value
    if "$tensor" in value:
        tensor = torch.from_numpy(np.array(arrays[value["$tensor"]]))
        return tensor.view(getattr(torch, value["as"])) if "as" in value else tensor
    if "$array" in value:
        array = np.array(arrays[value["$array"]])
        if "dtype" in value:
            array = np.frombuffer(array.tobytes(), np.dtype(value["dtype"])).reshape(value["shape"]).copy()
        return array
    if "$scalar" in value:
        return decode(value["$scalar"], arrays)[()]
    if "$tuple" in value:
        return tuple(decode(item, arrays) for item in value["$tuple"])
    if "$items" in value:
        return {decode(key, arrays): decode(item, arrays) for key, item in value["$items"]}
    return {key: decode(item, arrays) for key, item in value.items()}


def _store(array: np.ndarray, arrays: dict[str, np.ndarray]) -> str:
    name = f"t{len(arrays)}"
    arrays[name] = np.array(array, order="C")
    return name
