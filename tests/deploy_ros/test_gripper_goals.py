"""Which of a gripper's targets become goals of its action, and what of it goes wrong."""

from __future__ import annotations

from ashore.deploy_ros.gripper_goals import PATIENCE, Ending, Goals, GripperTarget

NAME = "/gripper_controller/gripper_cmd"


def at(position: float, driving: bool = True) -> GripperTarget:
    return GripperTarget((position,), driving)


class Timeline:
    """Goals that are sent where they are due; the server answers when it is told."""

    def __init__(self) -> None:
        self.goals, self.sent = Goals(NAME, 0.005), list[float]()

    def look(self, target: GripperTarget, now: float = 0.0, ready: bool = True) -> None:
        if self.goals.due(target, ready, now):
            self.goals.sent(target, now)
            self.sent.append(target.position[0])


def test_a_goal_is_sent_at_first_then_a_step_further_and_where_the_last_one_has_ended() -> None:
    it = Timeline()
    it.look(at(0.040))
    it.look(at(0.020))
    assert it.sent == [0.040], "one at a time until it is answered"
    it.goals.answered(True)
    it.look(at(0.0375))
    assert it.sent == [0.040], "within a step"
    it.look(at(0.034))
    assert it.sent == [0.040, 0.034]
    it.goals.answered(True)
    it.look(at(0.031))
    it.goals.ended(Ending.SUCCEEDED.value, stalled=False, asked_for=False)
    it.look(at(0.031))
    assert it.sent == [0.040, 0.034, 0.031], "the last bit of the way, once the gripper has come to its goal"
    it.goals.answered(True)
    it.goals.ended(Ending.SUCCEEDED.value, stalled=False, asked_for=False)
    it.look(at(0.03105))
    assert len(it.sent) == 3 and not it.goals.fault


def test_nothing_is_sent_while_the_node_brakes_or_holds_and_all_is_new_after() -> None:
    it = Timeline()
    it.look(at(0.04, driving=False))
    assert it.sent == []
    it.look(at(0.04))
    it.goals.answered(True)
    it.goals.forget()
    it.look(at(0.04))
    assert it.sent == [0.04, 0.04]


def test_what_the_server_does_not_do_is_a_fault_until_it_is_renewed() -> None:
    it = Timeline()
    it.look(at(0.04))
    it.goals.answered(False)
    assert it.goals.fault == f"{NAME} rejected its goal of 0.0400 m"
    it.look(at(0.01))
    assert it.sent == [0.04]
    it.goals.renew()
    it.look(at(0.01))
    it.goals.answered(True)
    it.goals.ended(Ending.ABORTED.value, stalled=False, asked_for=False)
    assert it.goals.fault == f"{NAME} aborted its goal of 0.0100 m"
    it.goals.renew()
    it.look(at(0.02), ready=False)
    assert it.goals.fault == f"there is no server of {NAME} any more" and it.sent == [0.04, 0.01]
    it.goals.renew()
    it.look(at(0.02), now=5.0)
    it.look(at(0.02), now=5.0 + PATIENCE)
    assert not it.goals.fault
    it.look(at(0.02), now=5.01 + PATIENCE)
    assert it.goals.fault == f"{NAME} gives no answer to its goal"


def test_a_gripper_that_holds_something_has_done_what_it_could() -> None:
    it = Timeline()
    it.look(at(0.0))
    it.goals.answered(True)
    it.goals.ended(Ending.ABORTED.value, stalled=True, asked_for=False)
    it.look(at(0.0))
    assert it.sent == [0.0] and not it.goals.fault


def test_a_cancelled_goal_is_a_fault_only_where_this_node_did_not_ask_for_it() -> None:
    it = Timeline()
    it.look(at(0.0))
    it.goals.answered(True)
    it.goals.ended(Ending.CANCELED.value, stalled=False, asked_for=True)
    assert not it.goals.fault
    it.goals.forget()
    it.look(at(0.0))
    it.goals.answered(True)
    it.goals.ended(Ending.CANCELED.value, stalled=False, asked_for=False)
    assert it.goals.fault == f"{NAME} cancelled its goal of 0.0000 m"


def test_a_goal_that_a_newer_one_replaces_may_end_before_that_is_answered() -> None:
    it = Timeline()
    it.look(at(0.04))
    it.goals.answered(True)
    it.look(at(0.02))
    it.goals.ended(Ending.CANCELED.value, stalled=False, asked_for=False)  # the server has the second one already
    assert not it.goals.fault
    it.goals.answered(True)
    it.look(at(0.018))
    assert it.sent == [0.04, 0.02], "the second one is under way"
