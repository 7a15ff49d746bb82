"""Coming up to speed: after activation and after a reset, no faster than the share of the ramp that is over."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from ashore.deploy_ros.bundle import Policy
from ashore.deploy_ros.pacing import PaceError
from ashore.deploy_ros.reasons import Reason
from ashore.deploy_ros.settings import NodeSettings
from ashore.deploy_ros.variants import variant_of
from tests.deploy_ros.cell import Cell, Servos
from tests.deploy_ros.policies import DT, INPUTS, LIMITS, signal
from tests.deploy_ros.rig import Rig

FAR = (1.2, -1.0, 0.8)
RAMP = 0.8  # s


def speeds(rig: Rig, seconds: float) -> np.ndarray:
    outputs = [rig.step() for _ in range(round(seconds / DT))]
    assert all(o.reason in (Reason.OK, Reason.LIMITED) for o in outputs)
    return np.abs([o.velocity for o in outputs])


def test_velocities_rise_with_the_ramp_and_then_are_the_policys_own(policy: Policy) -> None:
    rig, free = Rig(policy, ramp=RAMP).started(), Rig(policy).started()
    for one in (rig, free):
        one.controller.on_goal(FAR, "base")
    eased, own = speeds(rig, RAMP), speeds(free, RAMP)
    allowed = (np.arange(1, len(eased) + 1) * DT / RAMP)[:, None] * LIMITS.velocity
    assert (eased <= allowed * (1 + 1e-6) + 1e-9).all()
    assert (own > allowed + 1e-3).any()  # which the policy alone would not keep
    assert eased.max() > 0.2 * LIMITS.velocity.max()
    later = speeds(rig, 1.0)
    assert (later[-1] < 0.05).all()  # it arrives all the same


@pytest.mark.parametrize(("position", "velocity"), [(np.inf, 0.0), (0.0, np.nan), (np.nan, 0.0)])
def test_what_is_not_finite_is_not_eased_into_a_motion(
    policy: Policy, position: float, velocity: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    rig = Rig(policy, ramp=RAMP).started()
    for _ in range(5):
        assert rig.step().reason in (Reason.OK, Reason.LIMITED)
    monkeypatch.setattr(rig.controller.policy, "step", lambda *_: (np.full(3, position), np.full(3, velocity), {}))
    assert rig.step().reason is Reason.COMMAND_NOT_FINITE


def test_a_reset_begins_it_again(policy: Policy) -> None:
    cell = Cell(policy, Servos(np.zeros(3), lag=0.01), goal=FAR, ramp=RAMP)
    cell.run(RAMP / 2)
    cell.node.stop()
    cell.run_until(Reason.ESTOP)
    cell.run(1.0)
    assert cell.node.reset(cell.now) == ""
    again = cell.run(0.1)
    assert again.reason in (Reason.OK, Reason.LIMITED)
    assert (np.abs(again.velocity) <= 0.15 / RAMP * LIMITS.velocity).all()


def test_what_balances_takes_no_ramp(policy: Policy) -> None:
    gravity = signal("projected_gravity", kind="measurement", unit="1")
    face = policy.contract.interface.model_copy(update={"signals": (*map(signal, INPUTS[:3]), gravity)})
    falls = SimpleNamespace(contract=policy.contract.model_copy(update={"interface": face}))
    with pytest.raises(PaceError, match=r"ramp = 0\.8 s: the policy balances, by projected_gravity; allowed: 0"):
        variant_of(falls, NodeSettings(ramp=RAMP))  # type: ignore[arg-type]
