"""`ashore prefer` from the settings that were given to the last round."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from rich.console import Console

from ashore.configs.errors import UsageError
from ashore.configs.preferences import PreferenceSettings
from ashore.environments import make_env
from ashore.preferences.judges import FromFile, Judge, scripted
from ashore.preferences.page import Page
from ashore.preferences.rounds import Round, begin, go_on, run_rounds, write_settings

FREE = "rounds"  # what a resumed run may change: how long it goes on


def preferred(
    policy: str,
    folder: Path,
    judge: str | None,
    answers: str | Path | None,
    port: int,
    resume: bool,
    given: Mapping[str, Any],
    overrides: tuple[str, ...],
    console: Console,
) -> None:
    """All rounds of a run that goes on from `policy`; `given`: of PreferenceSettings, by name."""
    if judge is not None and answers is not None:
        raise UsageError("judge and answers were both given; allowed: one of them")
    try:
        settings = PreferenceSettings(**given)
    except ValidationError as error:
        raise UsageError("; ".join(f"{e['loc'][0]} = {e['input']!r}: {e['msg']}" for e in error.errors())) from None
    if resume:
        run, kept = go_on(folder)
        changed = sorted(n for n in given if n != FREE and getattr(settings, n) != getattr(kept, n))
        if changed:
            raise UsageError(f"{folder} has other settings in {changed}; a resumed run keeps them; free: {FREE}")
        settings = kept.model_copy(update={FREE: given.get(FREE, kept.rounds)})
    else:
        run = begin(policy, folder, settings, overrides)
    who: Judge
    if judge is not None:
        who = scripted(judge, make_env(run.task, 1))
    elif answers is not None:
        who = FromFile(Path(answers))
    else:
        who = page = Page(port)
        console.print(f"answer at {page.address} on this machine; Ctrl-C ends", soft_wrap=True, highlight=False)

    if not resume:
        write_settings(run, folder, settings)

    def heard(done: Round) -> None:
        console.print(
            f"round {done.number + 1} of {settings.rounds}: {done.fit.pairs} answers, held-out accuracy "
            f"{done.fit.accuracy:.2f}, {done.kl:.2f} nats a step from the first policy, success "
            f"{done.evaluation['success']:.2f}, return {done.evaluation['return']:.1f}",
            soft_wrap=True,
            highlight=False,
        )

    try:
        run_rounds(run, folder, settings, who, heard)
    finally:
        who.close()
