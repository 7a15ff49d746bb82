"""A peer beside us in the same call: EnvPool, which keeps a virtual environment of its own."""

from __future__ import annotations

import subprocess
from pathlib import Path

from ashore.configs.errors import UsageError

# Tasks that both step: same model, same control step, same observation.
ENVPOOL = {
    "ant": "Ant-v5",
    "half_cheetah": "HalfCheetah-v5",
    "hopper": "Hopper-v5",
    "humanoid": "Humanoid-v5",
    "walker2d": "Walker2d-v5",
}
INSTALL = "python3 -m venv envpool-venv && envpool-venv/bin/pip install envpool==1.2.5"


class EnvPool:
    """EnvPool's environments of one task. Idle, it waits for input and takes no time from others."""

    def __init__(self, python: Path, task: str, num_envs: int, threads: int) -> None:
        script = Path(__file__).with_name("envpool_process.py")
        command = [str(python), str(script), ENVPOOL[task], str(num_envs), str(threads)]
        try:
            self._process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
            )
        except OSError as error:
            raise UsageError(
                f"--envpool {python}: {error.strerror}; allowed: a Python with envpool; {INSTALL}"
            ) from None
        if self._answer() != "ready":
            raise UsageError(f"--envpool {python}: {self._last_words()}; {INSTALL}")

    def run(self, steps: int) -> float:
        """Step all environments so many times; gives the seconds it took."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{steps}\n")
        self._process.stdin.flush()
        answer = self._answer()
        if not answer:
            raise UsageError(f"EnvPool ended: {self._last_words()}")
        return float(answer)

    def close(self) -> None:
        """End its process."""
        self._process.kill()
        self._process.communicate()

    def _answer(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline().strip()

    def _last_words(self) -> str:
        assert self._process.stderr is not None
        lines = self._process.stderr.read().strip().splitlines()
        return lines[-1] if lines else f"exit code {self._process.wait()}"
