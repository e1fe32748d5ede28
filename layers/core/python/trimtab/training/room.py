"""Whether a start that hits one of the account's limits is to be tried again."""

import re
from datetime import datetime, timedelta

from trimtab.training.attempts import AttemptRecord

LONGEST = timedelta(hours=24)
"""A start waits for others' trainings to end for so long."""
_LIMIT = re.compile(r"\bis (?P<limit>[\d,]+) .*?request delta of (?P<wanted>[\d,]+)\b", re.DOTALL)
"""As SageMaker words it: the limit "is 2 Instances, with current utilization of 2 Instances and a request delta of 1
Instances"."""


def may_get_room(attempt: AttemptRecord, code: str, message: str, now: datetime) -> bool:
    """Whether an error of the call that starts a training may pass when others' trainings end. A limit below what is
    asked for ends with nobody's training."""
    told = _LIMIT.search(message)
    if told and _number(told["wanted"]) > _number(told["limit"]):
        return False
    return code == "ResourceLimitExceeded" and now - (attempt.waits_since or now) < LONGEST


def _number(text: str) -> int:
    return int(text.replace(",", "") or 0)
