"""Commands that learn from what others did or like: recorded episodes, and preferences."""

from __future__ import annotations

import argparse


def record(options: argparse.Namespace) -> None:
    from ashore import api

    print(api.record(options.policy, options.out, options.episodes, seed=options.seed, overrides=options.set))


def clone(options: argparse.Namespace) -> None:
    from ashore import api

    run = api.clone(
        options.sources, run_dir=options.run, episodes=options.episodes, seed=options.seed, overrides=options.set
    )
    losses = run.metrics["train/held_out_loss"]
    print(
        f"cloned {int(run.metrics['steps'][-1]):,} steps in {len(losses)} epochs, held-out loss {losses.min():.4f}, "
        f"success {run.metrics['eval/success'][-1]:.2f}; go on with: ashore train {run.settings.task.name} "
        f"--from {run.folder}"
    )
