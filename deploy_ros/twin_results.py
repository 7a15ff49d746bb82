"""How episodes through a twin ended, one by one and in sum."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class EpisodeResult:
    """How an episode through the twin ended."""

    index: int
    success: bool
    failed: str  # a reason, or empty
    elapsed: float  # s of simulated time
    goal_position: tuple[float, ...]  # m, in the robot's base frame; empty where the task has none
    world: dict[str, float]
    real_time_factor: float  # simulated time over the clock's; below 1 the twin could not keep up
    commands: int
    rejected: int
    note: str
    metrics: dict[str, float]  # of the task, means over the episode
    faults: tuple[dict[str, Any], ...] = ()  # that the twin had: kind, begin and end in s, and where
    fastest: float = 0.0  # of the joints, from the first fault on, as a share of their velocity limits
    beyond: float = 0.0  # rad that a joint was beyond its position limits then, at most

    @property
    def line(self) -> str:
        """For a human."""
        outcome = "success" if self.success else self.failed
        slow = f", {self.real_time_factor:.2f} of real time" if self.real_time_factor < 0.95 else ""
        note = f" ({self.note})" if self.note else ""
        faulty = ", ".join(f"{f['kind']} of {f['where']} at {f['begin']:.2f} s" for f in self.faults)
        if faulty:
            range_kept = f"{self.beyond:.4f} rad beyond its limits" if self.beyond > 0.0 else "within its limits"
            faulty = f"; faults: {faulty}; the robot stayed {range_kept}, its fastest joint at {self.fastest:.2f} of its limit"
        return f"episode {self.index}: {outcome} after {self.elapsed:.2f} s{slow}{note}{faulty}"


def summarize(results: list[EpisodeResult], asked: int) -> dict[str, Any]:
    """Results as JSON: whether all episodes were played, means over those that were (0 without any), and each of them.

    Of a twin with faults also how many there were of each kind, and how far the robot went in spite of them.
    """
    count = max(len(results), 1)
    kinds = Counter(fault["kind"] for result in results for fault in result.faults)
    faulty = {
        "faults": dict(sorted(kinds.items())),
        "fastest": max((r.fastest for r in results), default=0.0),
        "beyond": max((r.beyond for r in results), default=0.0),
    }
    return {
        "finished": len(results) == asked,
        "success": sum(r.success for r in results) / count,
        "real_time_factor": sum(r.real_time_factor for r in results) / count,
        **(faulty if kinds else {}),
        "episodes": [asdict(r) for r in results],
    }
