"""Asking a canary and production the same questions before the canary gets traffic."""

import time
from datetime import datetime

from trimtab.aws.golden_requests import NoGoldenRequestsError, read_golden
from trimtab.aws.sagemaker_runtime import invoke_variant
from trimtab.rollout.request import CANARY
from trimtab.rollout.settings import SmokeSettings
from trimtab.rollout.smoke import Answer, SmokeCase, edge_cases, run_cases
from trimtab.rollout.state import Rollout


def ask_both(
    rollout: Rollout, settings: SmokeSettings, now: datetime
) -> tuple[list[tuple[SmokeCase, Answer, Answer]], str]:
    """Each request with the canary's and production's answer, and where the golden ones are from or why there are
    none. Asking again does no harm."""
    golden: list[SmokeCase] = []
    config = rollout.before.document
    try:
        golden, source = read_golden(
            settings.payloads, config, rollout.endpoint, rollout.variant, settings.requests, now
        )
        note = f"{len(golden)} golden requests are from {source}"
    except NoGoldenRequestsError as error:
        note = f"no golden requests: {error}"
    cases = [*golden, *(edge_cases(golden) if settings.edge_cases else [])]

    def ask(case: SmokeCase) -> tuple[Answer, Answer]:
        canary, production = (
            invoke_variant(rollout.endpoint, variant, case.body, case.content_type)
            for variant in (CANARY, rollout.variant)
        )
        return canary, production

    until = time.monotonic() + settings.seconds
    return list(run_cases(cases, ask, lambda: time.monotonic() < until)), note
