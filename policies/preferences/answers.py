"""What people said: one line of JSON an answer, on disk before anything else happens."""

from __future__ import annotations

import json
import os
from pathlib import Path

from ashore.configs.errors import AshoreError
from ashore.policies.preferences.clips import ANSWERS, Answer


class Answers:
    """The answers in a file, by the pair's name; a later one to the same pair takes the place of an earlier one."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.known: dict[str, Answer] = {}
        if path.is_file():
            self.known = read(path)
            _end_last_line(path)

    def add(self, pair: str, answer: Answer) -> None:
        """Append one answer, flushed to disk."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with open(self.path, "a", encoding="utf-8") as file:
            file.write(json.dumps({"pair": pair, "answer": answer}) + "\n")
            file.flush()
            os.fsync(file.fileno())
        self.known[pair] = answer


def read(path: Path) -> dict[str, Answer]:
    """By pair; AshoreError names the line that is no answer. Half a last line, of a process killed in it, does not count."""
    text, answers = path.read_text(encoding="utf-8"), {}
    for number, line in enumerate(lines := text.splitlines(), 1):
        row = as_answer(line)
        if row is not None:
            answers[row[0]] = row[1]
        elif number < len(lines) or text.endswith("\n"):
            raise AshoreError(
                f'{path} line {number}: {line[:80]!r}; allowed: {{"pair": NAME, "answer": {"|".join(ANSWERS)}}}'
            )
    return answers


def as_answer(line: str) -> tuple[str, Answer] | None:
    """Pair and answer; None where the line is no answer."""
    try:
        row = json.loads(line)
        pair, answer = row["pair"], row["answer"]
    except (ValueError, KeyError, TypeError):
        return None
    return (pair, answer) if isinstance(pair, str) and answer in ANSWERS else None


def _end_last_line(path: Path) -> None:
    """So that the next answer begins a line of its own: what is half an answer goes, what lacks its newline gets it."""
    data = path.read_bytes()
    whole = data.rfind(b"\n") + 1
    if whole == len(data):
        return
    if as_answer(data[whole:].decode(errors="replace")) is None:
        os.truncate(path, whole)
    else:
        with open(path, "ab") as file:
            file.write(b"\n")
