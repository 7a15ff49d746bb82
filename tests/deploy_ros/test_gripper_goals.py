"""Which of a gripper's targets become goals of its action, and what of it goes wrong."""

from __future__ import annotations

import pytest

from ashore.deploy_ros.gripper_goals import PATIENCE, CancelAnswer, Ending, Goal, Goals, GripperTarget

NAME = "/gripper_controller/gripper_cmd"


def at(position: float, driving: bool = True) -> GripperTarget:
    return GripperTarget((position,), driving)


class Timeline:
    """Goals that are sent where they are due; the server answers when it is told, to the last one where no other is named."""

    def __init__(self) -> None:
        self.goals, self.sent = Goals(NAME, 0.005), list[Goal]()

    def look(self, target: GripperTarget, now: float = 0.0, ready: bool = True) -> None:
        self.goals.watch(now)
        if self.goals.due(target, ready):
            self.sent.append(self.goals.send(target, now))

    def accept(self, which: int = -1, now: float = 0.0) -> bool:
        return self.goals.accepted(self.sent[which], object(), now)

    def end(self, how: Ending, stalled: bool = False, which: int = -1) -> None:
        self.goals.ended(self.sent[which], how.value, stalled)

    @property
    def positions(self) -> list[float]:
        return [goal.position[0] for goal in self.sent]


def test_a_goal_is_sent_at_first_then_a_step_further_and_where_the_last_one_has_ended() -> None:
    it = Timeline()
    it.look(at(0.040))
    it.look(at(0.020))
    assert it.positions == [0.040], "one at a time until it is answered"
    it.accept()
    it.look(at(0.0375))
    assert it.positions == [0.040], "within a step"
    it.look(at(0.034))
    assert it.positions == [0.040, 0.034]
    it.accept()
    it.look(at(0.031))
    it.end(Ending.SUCCEEDED)
    it.look(at(0.031))
    assert it.positions == [0.040, 0.034, 0.031], "the last bit of the way, once the gripper has come to its goal"
    it.accept()
    it.end(Ending.SUCCEEDED)
    it.look(at(0.03105))
    assert len(it.sent) == 3 and not it.goals.fault


def test_nothing_is_sent_while_the_node_brakes_or_holds_and_all_is_new_after() -> None:
    it = Timeline()
    it.look(at(0.04, driving=False))
    assert it.positions == []
    it.look(at(0.04))
    it.accept()
    it.goals.give_up(0.0)
    it.look(at(0.04))
    assert it.positions == [0.04, 0.04]


def test_what_the_server_does_not_do_is_a_fault_until_it_is_renewed() -> None:
    it = Timeline()
    it.look(at(0.04))
    it.goals.rejected(it.sent[-1])
    assert it.goals.fault == f"{NAME} rejected its goal of 0.0400 m"
    it.look(at(0.01))
    assert it.positions == [0.04]
    it.goals.renew()
    it.look(at(0.01))
    it.accept()
    it.end(Ending.ABORTED)
    assert it.goals.fault == f"{NAME} aborted its goal of 0.0100 m"
    it.goals.renew()
    it.look(at(0.02), ready=False)
    assert it.goals.fault == f"there is no server of {NAME} any more" and it.positions == [0.04, 0.01]
    it.goals.renew()
    it.look(at(0.02), now=5.0)
    it.look(at(0.02), now=5.0 + PATIENCE)
    assert not it.goals.fault
    it.look(at(0.02), now=5.01 + PATIENCE)
    assert it.goals.fault == f"{NAME} gives no answer to its goal"


def test_a_gripper_that_holds_something_has_done_what_it_could() -> None:
    it = Timeline()
    it.look(at(0.0))
    it.accept()
    it.end(Ending.ABORTED, stalled=True)
    it.look(at(0.0))
    assert it.positions == [0.0] and not it.goals.fault


def test_a_cancelled_goal_is_a_fault_only_where_this_node_did_not_ask_for_it() -> None:
    it = Timeline()
    it.look(at(0.0))
    it.accept()
    assert it.goals.give_up(0.0) == it.sent and it.goals.give_up(0.0) == []
    it.end(Ending.CANCELED)
    assert not it.goals.fault
    it.look(at(0.0))
    it.accept()
    it.end(Ending.CANCELED)
    assert it.goals.fault == f"{NAME} cancelled its goal of 0.0000 m"


def test_a_goal_that_a_newer_one_replaces_may_end_before_that_is_answered() -> None:
    it = Timeline()
    it.look(at(0.04))
    it.accept()
    it.look(at(0.02))
    it.end(Ending.CANCELED, which=0)  # the server has the second one already
    assert not it.goals.fault
    it.accept()
    it.look(at(0.018))
    assert it.positions == [0.04, 0.02], "the second one is under way"


REFUSALS = [(CancelAnswer.REJECTED, False), (CancelAnswer.NONE, False)]  # of rclcpp and of rclpy
OVER = [(CancelAnswer.UNKNOWN_GOAL, False), (CancelAnswer.GOAL_TERMINATED, False)]


def cancelling(now: float = 0.0) -> Timeline:
    """A goal that is under way and to be cancelled from `now` on."""
    it = Timeline()
    it.look(at(0.04))
    it.accept()
    assert it.goals.give_up(now) == it.sent
    return it


@pytest.mark.parametrize(("code", "named"), REFUSALS)
def test_a_server_that_refuses_to_cancel_a_goal_that_is_under_way_is_a_fault(code: CancelAnswer, named: bool) -> None:
    it = cancelling()
    it.goals.cancel_answered(it.sent[0], code.value, named)
    assert it.goals.fault == f"{NAME} refuses to cancel its goal of 0.0400 m"


@pytest.mark.parametrize(("code", "named"), REFUSALS)
def test_one_that_is_over_by_then_need_not_be_cancelled(code: CancelAnswer, named: bool) -> None:
    it = cancelling()
    it.end(Ending.SUCCEEDED)
    it.goals.cancel_answered(it.sent[0], code.value, named)
    assert not it.goals.fault


@pytest.mark.parametrize(("code", "named"), [(CancelAnswer.NONE, True), *OVER])
def test_a_goal_that_is_cancelled_or_over_is_no_fault_however_long_its_result_takes(
    code: CancelAnswer, named: bool
) -> None:
    it = cancelling()
    it.goals.cancel_answered(it.sent[0], code.value, named)
    it.goals.watch(100.0)
    assert not it.goals.fault


def test_a_server_that_does_not_answer_a_request_to_cancel_is_a_fault_unless_the_goal_is_over() -> None:
    it = cancelling(5.0)
    it.goals.watch(5.0 + PATIENCE)
    assert not it.goals.fault
    it.goals.watch(5.01 + PATIENCE)
    assert it.goals.fault == f"{NAME} gives no answer to a request to cancel its goal of 0.0400 m"
    it = cancelling(5.0)
    it.end(Ending.CANCELED)
    it.goals.watch(100.0)
    assert not it.goals.fault


def test_a_goal_without_an_answer_at_a_stop_is_cancelled_once_it_is_accepted_and_watched_until_then() -> None:
    it = Timeline()
    it.look(at(0.04))
    assert it.goals.give_up(0.1) == []
    assert it.accept(now=0.2), "it is to be cancelled"
    it.goals.watch(0.21 + PATIENCE)
    assert "gives no answer to a request to cancel" in it.goals.fault
    it = Timeline()
    it.look(at(0.04))
    it.goals.give_up(0.1)
    it.goals.watch(0.01 + PATIENCE)
    assert it.goals.fault == f"{NAME} gives no answer to its goal"


def answered_twice(renewed: bool) -> Timeline:
    """A goal without an answer when a hold or a stop came, and a newer one that has none yet."""
    it = Timeline()
    it.look(at(0.04))
    it.goals.give_up(0.1)
    if renewed:
        it.goals.renew()
    it.look(at(0.02), now=0.2)
    assert it.positions == [0.04, 0.02]
    return it


@pytest.mark.parametrize("renewed", [True, False])
def test_an_answer_of_an_older_goal_does_not_count_for_the_newer_one(renewed: bool) -> None:
    it = answered_twice(renewed)
    it.goals.rejected(it.sent[0])
    it.goals.failed(it.sent[0], RuntimeError())
    assert not it.goals.fault
    it.look(at(0.0), now=0.3)
    assert len(it.sent) == 2, "the newer one has no answer yet"
    it = answered_twice(renewed)
    assert not it.accept(1, now=0.3)
    assert it.accept(0, now=0.4), "nobody wants the older one, which comes late"
    it.end(Ending.ABORTED, which=0)
    it.goals.cancel_answered(it.sent[0], CancelAnswer.REJECTED.value, False)
    assert not it.goals.fault
    assert it.goals.give_up(0.5) == [it.sent[1]], "a stop cancels the newer one"
