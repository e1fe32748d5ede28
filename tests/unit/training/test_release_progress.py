from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.training.builders import NOW
from trimtab.rollout.request import parse_request
from trimtab.training.release_progress import Release, Releases, release_id, releases_of


def release(number=2, **changed):
    values = {
        "id": release_id(f"arn:{number}", "fact"),
        "package": f"arn:{number}",
        "version": number,
        "champion": "arn:1",
        "stages": ("churn-staging", "churn"),
        "reason": "it is approved",
        "by": "anna",
        "at": NOW,
    }
    return Release(**values | changed)


def rolling(**changed):
    return Releases(current=release(phase="rolling", rollout="1f", **changed))


def test_stages_follow_each_other_until_it_is_released():
    staged = rolling().after("promoted", NOW)
    assert (staged.current.phase, staged.current.at_stage, staged.current.rollout) == ("waiting", "churn", "")
    done = Releases(current=staged.current.changed(phase="rolling")).after("promoted", NOW)
    assert (done.current.phase, done.released) == ("released", NOW)


@pytest.mark.parametrize("phase", ["rolled_back", "failed"])
def test_what_did_not_stay_is_remembered_as_tried(phase):
    after = rolling().after(phase, NOW)
    assert (after.current.phase, after.tried) == ("rolled_back", ("arn:2",))
    assert after.released is None


@given(st.sampled_from(["preparing", "baking", "restoring", "", "unheard_of"]))
def test_a_rollout_in_progress_changes_nothing(phase):
    assert rolling().after(phase, NOW) == rolling()


def test_only_a_rollout_in_progress_is_followed():
    waiting = Releases(current=release())
    assert waiting.after("promoted", NOW) == waiting
    assert Releases().after("promoted", NOW) == Releases()


def test_a_newer_release_waits_behind_a_rollout_and_takes_the_place_of_what_only_waits():
    newer = release(3)
    behind = rolling().with_release(newer)
    assert (behind.current.version, behind.queued.version) == (2, 3)
    assert behind.next_in_line() == behind
    assert behind.after("failed", NOW).next_in_line().current == newer
    assert Releases(current=release()).with_release(newer).current == newer


def test_what_was_handled_last_holds():
    known = Releases()
    for approval in ("Approved", "Rejected"):
        known = known.after_handling("arn:2", approval)
    assert known.handled == {"arn:2": "Rejected"}
    for number in range(300):
        known = known.after_handling(f"arn:{number}", "Approved")
    assert len(known.handled) == 100
    assert "arn:299" in known.handled


def test_start_rollout_understands_what_is_asked_for():
    on_staging = parse_request(release().rollout_document())
    assert (on_staging.endpoint, on_staging.steps) == ("churn-staging", (100,))
    after = parse_request(release(stage=1).rollout_document())
    assert (after.endpoint, after.steps, after.model_package) == ("churn", (10, 25, 50, 100), "arn:2")
    assert after.id != on_staging.id


def test_it_survives_being_stored():
    known = Releases(current=release(), queued=release(3), handled={"a": "Approved"}, tried=("b",), released=NOW)
    assert releases_of(known.document()) == known
    assert releases_of({}) == Releases()


def test_each_approval_is_a_release_of_its_own():
    later = (NOW + timedelta(hours=1)).isoformat()
    assert release_id("arn:2", NOW.isoformat()) != release_id("arn:2", later)
