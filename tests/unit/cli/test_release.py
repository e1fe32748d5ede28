import pytest

from tests.unit.cli.release_world import World, handle
from trimtab.aws import clients
from trimtab.cli import release

pytestmark = pytest.mark.filterwarnings("ignore:No application metrics to publish")


@pytest.fixture
def make(monkeypatch):
    clients.client.cache_clear()
    yield lambda mode="observe": World(monkeypatch, mode)
    clients.client.cache_clear()


@pytest.fixture
def slept(monkeypatch):
    """What happens while the command sleeps, one thing at a time; then nothing more."""
    happenings = []

    def sleep(_):
        if happenings:
            happenings.pop(0)()

    monkeypatch.setattr(release.time, "sleep", sleep)
    return happenings


def order(world, version=2, *options):
    return ("release", world.arns[version - 1], "--endpoint", "churn", "--by", "anna", *options)


def test_approves_the_version_and_starts_its_release(run, make):
    world = make()
    ran = run(*order(world))
    assert ran.code == 0
    assert ran.out == "ON ITS WAY: it is being rolled out on churn (rollout r1)\n"
    assert world.approval(2) == "Approved"
    [asked] = world.rollouts()
    assert (asked["endpoint"], asked["model_package"], asked["by"]) == ("churn", world.arns[1], "anna")


def test_waits_until_it_serves(run, make, slept):
    world = make()

    def promoted():
        world.put_change("churn", "promoted")
        handle({"endpoint": "churn"})

    slept += [lambda: None, promoted]
    ran = run(*order(world, 2, "--wait", "5"))
    assert ran.code == 0
    assert ran.out.splitlines() == [
        "ON ITS WAY: it is being rolled out on churn (rollout r1)",
        "RELEASED: it serves churn (rollout r1)",
    ]


def test_fails_when_the_canary_is_rolled_back(run, make, slept):
    world = make()

    def rolled_back():
        world.put_change("churn", "rolled_back")
        handle({"endpoint": "churn"})

    slept.append(rolled_back)
    ran = run(*order(world, 2, "--wait", "5", "--json"))
    assert ran.code == 3
    assert ran.document == {
        "model_package": world.arns[1],
        "endpoint": "churn",
        "outcome": "not_released",
        "reason": "it was rolled back on churn",
        "rollout": "r1",
    }


def test_a_wait_that_is_over_is_no_success(run, make, slept):  # noqa: ARG001 - it sleeps in no time
    assert run(*order(make(), 2, "--wait", "0.0001")).code == 4


def test_asked_again_it_finds_the_release_on_its_way_and_the_version_that_serves(run, make):
    world = make("act")
    assert run(*order(world)).code == 0
    assert run(*order(world)).out.startswith("ON ITS WAY: ")
    world.put_change("churn", "promoted")
    world.serve(2)
    handle({"endpoint": "churn"})
    ran = run(*order(world))
    assert (ran.code, ran.out) == (0, "RELEASED: version 2 serves already\n")
    assert len(world.rollouts()) == 1


def test_asks_again_when_the_approvals_own_event_was_faster(run, make, slept, monkeypatch):
    world = make("act")
    real, fails = world.aws.Invoke, [1, 1]

    def invoke(FunctionName, **request):  # noqa: N803
        answer = real(FunctionName, **request)
        if FunctionName == "trimtab-release-model" and fails:
            fails.pop()
            answer["FunctionError"] = "Unhandled"
        return answer

    monkeypatch.setattr(world.aws, "Invoke", invoke)
    slept += [lambda: None] * 2
    assert run(*order(world)).code == 0
    assert len(world.rollouts()) == 1


def test_an_older_version_is_released_only_as_a_rollback(run, make):
    world = make()
    world.serve(3)
    ran = run(*order(world))
    assert ran.code == 3
    assert ran.out == "NOT RELEASED: version 3, which serves, is newer than version 2\n"
    assert run(*order(world, 2, "--rollback")).code == 0


def test_at_once_is_a_rollout_in_one_step_without_approval(run, make, slept):
    world = make()
    slept.append(lambda: world.put_change("churn", "promoted"))
    ran = run(*order(world, 2, "--at-once", "--wait", "5"))
    assert ran.code == 0
    assert ran.out.splitlines()[-1] == "RELEASED: it serves churn (rollout r1)"
    [asked] = world.rollouts()
    assert asked["steps"] == [100]
    assert world.approval(2) == "PendingManualApproval"
    world.serve(2)
    assert run(*order(world, 2, "--at-once")).out == "RELEASED: it serves churn already\n"
    assert len(world.rollouts()) == 1


def test_at_once_tells_why_it_was_refused_or_ended(run, make, slept):
    world = make()
    slept.append(lambda: world.put_change("churn", "rolled_back"))
    ran = run(*order(world, 2, "--at-once", "--wait", "5"))
    assert ran.code == 3
    assert "NOT RELEASED: its rollout on churn was ended: it was slow (rollout r1)" in ran.out
    world.aws.answers["trimtab-start-rollout"] = lambda _: {"phase": "refused", "reason": "the endpoint is Updating"}
    ran = run(*order(world, 2, "--at-once"))
    assert (ran.code, ran.out) == (3, "NOT RELEASED: the rollout was refused: the endpoint is Updating\n")


def test_does_not_release_what_somebody_rejected(run, make):
    world = make()
    world.update(world.arns[1], ModelApprovalStatus="Rejected", ApprovalDescription="it is unfair")
    ran = run(*order(world))
    assert (ran.code, ran.out) == (2, "")
    assert "it was rejected: it is unfair" in ran.err
    assert world.approval(2) == "Rejected"


def test_says_what_is_not_there(run, make):
    world = make()
    arn = f"{world.arns[0]}9"
    ran = run("release", arn, "--endpoint", "churn", "--by", "anna")
    assert ran.code == 2
    assert f"{arn}: there is no such version" in ran.err
    ran = run("release", world.arns[1], "--endpoint", "other", "--by", "anna")
    assert ran.code == 3
    assert "it is of group churn" in ran.out


@pytest.mark.parametrize("text", ["0", "-1", "soon", "nan"])
def test_refuses_a_wait_that_is_none(run, make, text):
    with pytest.raises(SystemExit) as exit_:
        run(*order(make(), 2, "--wait", text))
    assert exit_.value.code == 2
