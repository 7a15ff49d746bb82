"""Commands that learn from what others did or like: recorded episodes, and preferences."""

from __future__ import annotations

import argparse


def record(options: argparse.Namespace) -> None:
    from ashore import api

    print(api.record(options.policy, options.out, options.episodes, seed=options.seed, overrides=options.set))


def clone(options: argparse.Namespace) -> None:
    from ashore import api
    from ashore.configs.loader import of_task

    run = api.clone(
        options.sources, run_dir=options.run, episodes=options.episodes, seed=options.seed, overrides=options.set
    )
    losses = run.metrics["train/held_out_loss"]
    settings = of_task(run.settings)
    gently = " --set algorithm.learning_rate=1e-5" if settings.train.algorithm.kind == "ppo" else ""
    print(
        f"cloned {int(run.metrics['steps'][-1]):,} steps in {len(losses)} epochs, held-out loss {losses.min():.4f}, "
        f"success {run.metrics['eval/success'][-1]:.2f}; go on with: ashore train {settings.task.name} "
        f"--from {run.folder}{gently}"
    )


def prefer(options: argparse.Namespace) -> int:
    from ashore import api

    names = ("rounds", "pairs", "clip_seconds", "steps", "kl_coefficient", "seed")
    given = {name: value for name in names if (value := getattr(options, name)) is not None}
    try:
        run = api.prefer(
            options.policy,
            run_dir=options.run,
            judge=options.judge,
            answers=options.answers,
            port=options.port,
            resume=options.resume,
            overrides=options.set,
            **given,
        )
    except KeyboardInterrupt:
        print("every answer is kept; go on with the same command and --resume")
        return 130
    print(f"the policy is in {run.folder}; try: ashore evaluate {run.folder}")
    return 0
