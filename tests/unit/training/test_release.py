import random

import pytest

from tests.unit.training.builders import package
from trimtab.training.release import Deployed, ReleaseAction, decide_release, newest_approved

LIVE = package(5)
VERSIONS = [package(3), package(4), LIVE, package(6, "PendingManualApproval")]


def decide(event, present="same", deployed=None, handled=None, versions=VERSIONS, **options):
    return decide_release(
        event,
        event if present == "same" else present,
        deployed or Deployed("churn", LIVE),
        handled or {},
        versions,
        endpoint="churn",
        **options,
    )


def test_an_approved_version_is_released_and_the_champion_is_named():
    decision = decide(package(6))
    assert decision.action is ReleaseAction.RELEASE
    assert (decision.package.version, decision.champion, decision.stages) == (6, LIVE.arn, ("churn",))
    assert not decision.needs_confirmation


def test_staging_comes_first():
    assert decide(package(6), staging="churn-staging").stages == ("churn-staging", "churn")


def test_a_first_version_replaces_nothing():
    decision = decide(package(1), deployed=Deployed("churn", None))
    assert (decision.action, decision.champion) == (ReleaseAction.RELEASE, "")


@pytest.mark.parametrize(
    ("event", "changed", "reason"),
    [
        (package(6), {"present": None}, "does not exist"),
        (package(6), {"present": package(6, "Rejected")}, "is Rejected now"),
        (package(6, "PendingManualApproval"), {}, "PendingManualApproval"),
        (package(6, status="InProgress"), {}, "InProgress"),
        (package(6, group="other"), {}, "group other"),
        (package(6), {"handled": {package(6).arn: "Approved"}}, "acted on already"),
        (package(5), {}, "serves already"),
        (package(4), {}, "newer than version 4"),
        (package(6), {"deployed": Deployed("churn", LIVE, package(6))}, "is being released already"),
        (package(6), {"deployed": Deployed("churn", LIVE, package(7))}, "version 7"),
        (package(4, "Rejected"), {}, "does not serve"),
        (package(5, "Rejected"), {"handled": {LIVE.arn: "Rejected"}}, "acted on already"),
    ],
)
def test_other_events_change_nothing(event, changed, reason):
    decision = decide(event, **changed)
    assert decision.action is ReleaseAction.IGNORE
    assert reason in decision.reason


def test_a_person_may_go_back_to_an_older_version():
    assert decide(package(4), is_rollback=True).action is ReleaseAction.RELEASE


def test_a_version_that_was_rejected_may_be_approved_again():
    assert decide(package(6), handled={package(6).arn: "Rejected"}).action is ReleaseAction.RELEASE


def test_a_rejected_live_version_goes_back_to_the_newest_approved_one_after_confirmation():
    decision = decide(package(5, "Rejected"))
    assert (decision.action, decision.package.version) == (ReleaseAction.REVERT, 4)
    assert decision.needs_confirmation


def test_it_does_not_go_back_to_what_a_canary_rolled_back():
    deployed = Deployed("churn", LIVE, tried=frozenset({package(4).arn}))
    assert decide(package(5, "Rejected"), deployed=deployed).package.version == 3


def test_with_no_other_version_somebody_has_to_look():
    decision = decide(package(5, "Rejected"), versions=[package(5, "Rejected"), package(4, status="Failed")])
    assert (decision.action, decision.package) == (ReleaseAction.NOTHING_LEFT, None)


def test_only_completed_and_approved_versions_may_serve():
    assert newest_approved(VERSIONS).version == 5
    assert newest_approved([package(9, status="InProgress"), package(8, "Rejected")]) is None


@pytest.mark.parametrize("seed", range(20))
def test_duplicated_and_shuffled_approvals_end_with_the_newest_and_release_each_once(seed):
    shuffle = random.Random(seed)
    events = [package(version) for version in range(1, 9)] * 20
    shuffle.shuffle(events)
    live, handled, released = None, {}, []
    for event in events:
        decision = decide(event, deployed=Deployed("churn", live), handled=handled)
        if decision.action is ReleaseAction.RELEASE:
            live = decision.package
            released.append(live.version)
        if shuffle.random() < 0.7:  # else killed before it was remembered
            handled[event.arn] = event.approval
    assert live.version == 8
    assert released == sorted(set(released))
