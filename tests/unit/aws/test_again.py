import pytest

from trimtab.aws.again import again_on


class OvertakenError(Exception):
    pass


def work_that_raises(*errors):
    left = list(errors)

    def work():
        if left:
            raise left.pop(0)
        return "done"

    return work


@pytest.mark.parametrize("times", [0, 1, 2])
def test_work_that_another_run_overtook_is_done_again(times):
    assert again_on(OvertakenError, work_that_raises(*[OvertakenError] * times)) == "done"


def test_work_that_is_overtaken_each_time_fails():
    with pytest.raises(OvertakenError):
        again_on(OvertakenError, work_that_raises(*[OvertakenError] * 3))


def test_another_error_is_no_reason_to_do_it_again():
    with pytest.raises(KeyError):
        again_on(OvertakenError, work_that_raises(KeyError("a")))
