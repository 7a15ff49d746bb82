"""A replay gives back what happened: n-step returns, time limits, histories, each step as likely as any other."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from ashore.policies.replay import Batch, Replay

DISCOUNT = 0.9


class Recorded:
    """Worlds whose observation is (world, serial number), with all their steps written down; episodes end by a coin."""

    def __init__(self, replay: Replay, steps: int, seed: int = 0) -> None:
        g = torch.Generator().manual_seed(seed)
        n = replay.num_envs
        self.serial = torch.zeros(n)
        self.next_of: dict[
            tuple[int, int], tuple[int, float, bool, bool]
        ] = {}  # -> next serial, reward, ended, terminated
        self.first: dict[tuple[int, int], int] = {}  # of the episode that a serial belongs to
        begins = torch.zeros(n)
        replay.begin(self._shown(self.serial))
        for _ in range(steps):
            coin, reward = torch.rand(n, generator=g), torch.rand(n, generator=g)
            terminated, truncated = coin < 0.1, (coin > 0.08) & (coin < 0.25)  # some are both
            before, after = self.serial.clone(), self.serial + 1
            ended = terminated | truncated
            ids = ended.nonzero().squeeze(1)
            info: dict[str, Any] = {}
            if len(ids):
                info = {
                    "final_ids": ids,
                    "final_obs": {k: v[ids] for k, v in self._shown(after).items()},
                    "episode": {},
                }
            self.serial = torch.where(ended, after + 1, after)
            for w in range(n):
                key = (w, int(before[w]))
                self.next_of[key] = (int(after[w]), float(reward[w]), bool(ended[w]), bool(terminated[w]))
                self.first[key] = self.first[w, int(after[w])] = int(begins[w])
            begins = torch.where(ended, self.serial, begins)
            replay.record(before[:, None], reward, terminated, truncated, self._shown(self.serial), info)

    @staticmethod
    def _shown(serial: Tensor) -> dict[str, Tensor]:
        seen = torch.stack((torch.arange(len(serial)).float(), serial), 1)
        return {"actor": seen, "critic": torch.cat((seen, -seen), 1)}

    def expected(self, world: int, serial: int, n: int) -> tuple[float, float, int]:
        """Reward, discount and the serial number that the value is taken of."""
        total, factor, at = 0.0, 1.0, serial
        for _ in range(n):
            if (world, at) not in self.next_of:
                break
            at, reward, ended, terminated = self.next_of[world, at]
            total += factor * reward
            factor *= 0.0 if terminated else DISCOUNT
            if ended:
                break
        return total, factor, at


def _drawn(replay: Replay, size: int, n: int, seed: int = 1) -> Batch:
    return replay.sample(size, n, DISCOUNT, torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("n", [1, 2, 5])
@pytest.mark.parametrize("steps", [3, 40, 300])  # a few, not yet full, many rounds of the ring
def test_every_step_is_given_with_its_own_rewards_and_what_it_led_to(n: int, steps: int) -> None:
    replay = Replay(5 * 60, 5, {"actor": 2, "critic": 4}, 1)
    recorded = Recorded(replay, steps)
    batch = _drawn(replay, 2000, n)
    for i in range(2000):
        world, serial = batch.actor[i, -1].int().tolist()
        reward, factor, after = recorded.expected(world, serial, n)
        assert batch.action[i].item() == serial and batch.critic[i, 3].item() == -serial
        assert batch.reward[i].item() == pytest.approx(reward, abs=1e-5)
        assert batch.discount[i].item() == pytest.approx(factor, abs=1e-6)
        if factor:
            assert batch.next_actor[i, -1].tolist() == [world, after]
            assert batch.next_critic[i].tolist() == [world, after, -world, -after]


def test_steps_are_equally_likely_and_the_newest_and_oldest_are_among_them() -> None:
    replay = Replay(4 * 20, 4, {"actor": 2, "critic": 4}, 1)
    recorded = Recorded(replay, 200)
    drawn = _drawn(replay, 40_000, 1).actor[:, -1].int()
    seen, counts = drawn.unique(dim=0, return_counts=True)
    newest = max(serial for world, serial in recorded.next_of if world == 0)
    assert [0, newest] in seen.tolist()
    assert 4 * 14 < len(seen) <= 4 * 20  # some slots hold the last observation of an episode
    for world in range(4):
        mine = counts[seen[:, 0] == world].double()
        assert (mine / mine.mean() - 1).abs().max() < 0.25  # 500 draws each, 4.5 % by chance


def test_a_history_ends_at_its_episodes_first_observation() -> None:
    replay = Replay(5 * 60, 5, {"actor": 2, "critic": 4}, 1, history=4)
    recorded = Recorded(replay, 300)
    batch = _drawn(replay, 1000, 3)
    for i in range(1000):
        for past in (batch.actor[i], batch.next_actor[i] if batch.discount[i] else batch.actor[i]):
            world, serial = past[-1].int().tolist()
            first = recorded.first.get((world, serial), serial)
            assert past[:, 1].int().tolist() == [max(first, serial - k) for k in (3, 2, 1, 0)]


def test_storage_is_no_more_than_its_steps_need() -> None:
    size, worlds = 100_000, 64
    replay = Replay(size, worlds, {"actor": 27, "critic": 60}, 7)
    needed = size * (4 * (27 + 60 + 7 + 1) + 3 + 4)
    assert needed <= replay.nbytes <= 1.05 * needed


def test_choices_are_kept_as_whole_numbers() -> None:
    replay = Replay(64, 2, {"actor": 1, "critic": 1}, 3, discrete=True)
    shown = {"actor": torch.zeros(2, 1), "critic": torch.zeros(2, 1)}
    replay.begin(shown)
    no = torch.zeros(2, dtype=torch.bool)
    replay.record(torch.tensor([2, 1]), torch.zeros(2), no, no, shown, {})
    batch = _drawn(replay, 16, 1)
    assert batch.action.dtype == torch.int64 and set(batch.action.tolist()) == {1, 2}


def test_parts_hold_all_and_change_only_where_something_was_recorded() -> None:
    sizes = {"actor": 2, "critic": 4}
    replay = Replay(4 * 640, 4, sizes, 1)
    recorded = Recorded(replay, 300)
    before = {name: part.version for name, part in replay.parts().items()}
    other = Replay(4 * 640, 4, sizes, 1)
    other.load_state_dict({k: v.clone() if isinstance(v, Tensor) else v for k, v in replay.state_dict().items()})
    for name, part in replay.parts().items():
        other.load_part(name, part.arrays())
    for a, b in zip(_drawn(replay, 500, 3), _drawn(other, 500, 3), strict=True):
        assert torch.equal(a, b)
    assert 8 < len(before) < 32  # the ring is not full: chunks without content have no file
    shown = recorded._shown(recorded.serial + 1)
    no = torch.zeros(4, dtype=torch.bool)
    replay.record(torch.zeros(4, 1), torch.zeros(4), no, no, shown, {})
    changed = [name for name, part in replay.parts().items() if before.get(name) != part.version]
    assert 1 <= len(changed) <= 3  # worlds whose episodes were cut more often are a few slots ahead
