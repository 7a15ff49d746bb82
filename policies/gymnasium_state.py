"""The state of one gymnasium world, where it is made of things that can be written down without pickle.

gymnasium has no call that gives an environment's state. It is taken from the attributes of the environment and its wrappers:
numbers, text, arrays, containers of them, numpy's random generators and MuJoCo's data. An attribute of another kind that is no
constant makes the state unknown. An environment that has `state_dict` and `load_state_dict` is asked instead.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator
from typing import Any

import gymnasium
import numpy as np
from gymnasium.envs.registration import EnvSpec

from ashore.policies.serialize import decode, encode

# Attributes that do not change while an environment runs, or that only draw.
CONSTANT_NAMES = frozenset(
    {"env", "spec", "_cached_spec", "_saved_kwargs", "metadata", "_metadata", "_ezpickle_args", "_ezpickle_kwargs"}
)
CONSTANT_TYPES = (gymnasium.Space, EnvSpec)
CONSTANT_CLASSES = ("MjModel", "MujocoRenderer", "function", "method", "builtin_function_or_method", "module", "type")
CHECKED_STEPS = 12  # of each part of the rehearsal


class UnknownStateError(NotImplementedError):
    """The state cannot be written down; the text says why."""


class WorldState:
    """Captures and restores one world. Made before any reset: what never differs from then is left out."""

    def __init__(self, world: gymnasium.Env[Any, Any]) -> None:
        self.layers = list(_layers(world))
        self._data_fields: list[str] | None = None
        self._fresh: list[dict[str, tuple[Any, str]]] = []
        for layer in self.layers:
            self._fresh.append({name: _fresh(value) for name, value in _attributes(layer)})

    def capture(self) -> list[dict[str, Any]]:
        """The attributes that differ from a fresh world's, one mapping a layer, for `serialize`."""
        return [self._capture(layer, fresh) for layer, fresh in zip(self.layers, self._fresh, strict=True)]

    def _capture(self, layer: Any, fresh: dict[str, tuple[Any, str]]) -> dict[str, Any]:
        if _tells_itself(layer):
            return {"own": layer.state_dict()}
        state = {}
        for name, value in _attributes(layer):
            if _is_data(value):
                state[name] = {"mujoco": self._read_data(layer.model, value)}
            elif isinstance(value, np.random.Generator):
                state[name] = {"generator": dict(value.bit_generator.state)}
            elif _text(layer, name, value) != fresh.get(name, (None, ""))[1]:
                state[name] = {"value": decode(*_encoded(value))}
        return state

    def restore(self, state: list[dict[str, Any]]) -> None:
        """Put the world, which has been reset, where `capture` found it."""
        for layer, fresh, saved in zip(self.layers, self._fresh, state, strict=True):
            if "own" in saved:
                layer.load_state_dict(saved["own"])
                continue
            for name, (value, text) in fresh.items():
                now = getattr(layer, name, None)
                if name not in saved and not _is_live(now) and _text(layer, name, now) != text:
                    _put(layer, name, copy.deepcopy(value))
            for name, entry in saved.items():
                if "mujoco" in entry:
                    self._write_data(layer.model, getattr(layer, name), entry["mujoco"])
                elif "generator" in entry:
                    getattr(layer, name).bit_generator.state = entry["generator"]
                else:
                    _put(layer, name, entry["value"])

    def _read_data(self, model: Any, data: Any) -> dict[str, Any]:
        """Everything in MjData that does not depend on the number of contacts, which each step finds anew."""
        import mujoco

        kind = mujoco.mjtState.mjSTATE_INTEGRATION
        state = np.empty(mujoco.mj_stateSize(model, kind))
        mujoco.mj_getState(model, data, state, kind)
        return {"state": state, "fields": {name: getattr(data, name).copy() for name in self._fields(model)}}

    def _write_data(self, model: Any, data: Any, saved: dict[str, Any]) -> None:
        import mujoco

        mujoco.mj_setState(model, data, saved["state"], mujoco.mjtState.mjSTATE_INTEGRATION)
        for name, value in saved["fields"].items():
            getattr(data, name)[...] = value

    def _fields(self, model: Any) -> list[str]:
        """Arrays of MjData whose size is the model's."""
        if self._data_fields is None:
            import mujoco

            blank = mujoco.MjData(model)
            arrays = ((name, getattr(blank, name)) for name in dir(blank) if not name.startswith("_"))
            self._data_fields = [
                name for name, x in arrays if isinstance(x, np.ndarray) and x.size and x.dtype.kind in "fiu"
            ]
        return self._data_fields


def fault_in_rehearsal(make: Callable[[], Any]) -> str:
    """Why a world that goes on from a captured state would not do what the captured one does; empty where it does.

    make: gives a `GymnasiumVector` of one world. One is captured, the other one restored; both then take the same actions.
    """
    first, second = make(), make()
    try:
        first.reset(1)
        second.reset(2)
        random = np.random.default_rng(0)
        for _ in range(CHECKED_STEPS):
            _random_step((first,), random)
        arrays: dict[str, np.ndarray] = {}
        tree = json.loads(json.dumps(encode(first.state_dict(), arrays)))
        second.load_state_dict(decode(tree, arrays))
        same = all(_random_step((first, second), random) for _ in range(CHECKED_STEPS))
        shown = [env.seen.rows(env.env.reset()[0], 1) for env in (first, second)]  # of the random generators' making
        same = (
            same and np.array_equal(*shown) and all(_random_step((first, second), random) for _ in range(CHECKED_STEPS))
        )
        return "" if same else "a world restored from its attributes went another way"
    except NotImplementedError as error:
        return str(error)
    finally:
        first.env.close()
        second.env.close()


def _random_step(envs: tuple[Any, ...], random: np.random.Generator) -> bool:
    """Whether all of the worlds show and give the same after one random action."""
    import torch

    env = envs[0]
    one = (
        torch.tensor([random.integers(env.action_size)])
        if env.discrete
        else torch.tensor(random.uniform(-1, 1, (1, env.action_size)), dtype=torch.float32)
    )
    results = [e.step(one) for e in envs]
    flat = [(r[0]["actor"].numpy().tobytes(), r[1].item(), r[2].item(), r[3].item()) for r in results]
    return all(x == flat[0] for x in flat)


def _layers(world: Any) -> Iterator[Any]:
    """The wrappers from outside to inside, then the environment."""
    while isinstance(world, gymnasium.Wrapper):
        yield world
        world = world.env
    yield world


def _tells_itself(layer: Any) -> bool:
    return (
        not isinstance(layer, gymnasium.Wrapper) and hasattr(layer, "state_dict") and hasattr(layer, "load_state_dict")
    )


def _attributes(layer: Any) -> Iterator[tuple[str, Any]]:
    if _tells_itself(layer):
        return
    for name, value in vars(layer).items():
        constant = isinstance(value, CONSTANT_TYPES) or type(value).__name__ in CONSTANT_CLASSES
        if name not in CONSTANT_NAMES and not constant:
            yield name, value


def _is_data(value: Any) -> bool:
    return type(value).__name__ == "MjData"


def _is_live(value: Any) -> bool:
    """Whether it is restored within, not replaced."""
    return _is_data(value) or isinstance(value, np.random.Generator)


def _fresh(value: Any) -> tuple[Any, str]:
    """A copy of an attribute and its text; nothing where it cannot be written down, for it may yet be replaced."""
    if _is_live(value):
        return None, ""
    try:
        return copy.deepcopy(value), _as_text(value)
    except TypeError:
        return None, ""


def _encoded(value: Any) -> tuple[Any, dict[str, np.ndarray]]:
    arrays: dict[str, np.ndarray] = {}
    return encode(value, arrays), arrays


def _as_text(value: Any) -> str:
    tree, arrays = _encoded(value)
    return json.dumps(tree) + "".join(f"|{x.dtype}{x.shape}{x.tobytes().hex()}" for x in arrays.values())


def _text(layer: Any, name: str, value: Any) -> str:
    try:
        return _as_text(value)
    except TypeError:
        raise UnknownStateError(f"{type(layer).__name__}.{name} is a {type(value).__name__}, or holds one") from None


def _put(layer: Any, name: str, value: Any) -> None:
    """Set an attribute; into the array that is there, where it fits, for others may look at it."""
    there: Any = getattr(layer, name, None)
    fits = isinstance(there, np.ndarray) and isinstance(value, np.ndarray)
    if fits and there.shape == value.shape and there.dtype == value.dtype and there.flags.writeable:
        there[...] = value
    else:
        setattr(layer, name, value)
