"""The command `ashore`: its options, then the function of that name in `ashore.commands`."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Sequence
from importlib import import_module

from ashore.configs.errors import AshoreError

MODULES = {
    "learning": ("tasks", "config", "train", "export"),
    "imitating": ("record", "clone", "prefer"),
    "measuring": ("evaluate", "sweep", "falsify", "gate", "compare", "bench", "demo"),
    "showing": ("play", "look"),
    "deploying": ("inspect", "twin", "deploy", "profile", "replay", "goal", "stop", "reset", "doctor"),
}
EXTRAS = dict.fromkeys(
    "cma gymnasium imageio mujoco onnx plotly rich safetensors scipy tensorboard torch yaml".split(), "train"
) | {"cyclonedds": "dds", "mujoco_menagerie": "menagerie", "mujoco_warp": "gpu", "wandb": "wandb", "warp": "gpu"}


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command. What the user can mend is one line and exit code 2, without a traceback."""
    from ashore.options import parse

    options = parse(argv)
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN and threading.current_thread() is threading.main_thread():
        # A shell script's background commands start so; whoever sends the signal all the same wants an end.
        signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        module = next(name for name, commands in MODULES.items() if options.command in commands)
        code: int | None = getattr(import_module(f"ashore.commands.{module}"), options.command)(options)
        sys.stdout.flush()
        return code or 0
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:  # whoever read our output has enough, as `head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141  # as a command that SIGPIPE ends
    except (AshoreError, OSError, FloatingPointError) as error:
        print(f"ashore: {error}", file=sys.stderr)
    except ModuleNotFoundError as error:
        missing = (error.name or "").split(".")[0]
        if missing not in EXTRAS:
            raise
        extra = EXTRAS[missing]
        print(
            f"ashore: this needs {missing}, which is not installed; in a checkout: pip install '.[{extra}]'",
            file=sys.stderr,
        )
    return 2


if __name__ == "__main__":
    sys.exit(main())
