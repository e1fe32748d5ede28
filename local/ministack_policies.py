"""Let SimulatePrincipalPolicy heed the request's ContextEntries. Part of `ministack_host`; see there.

The SageMaker side asks MiniStack by it whether a role may do something, and says what conditions in policies can ask
about (`iam:PassedToService`, `application-autoscaling:service-namespace`).
"""

from contextvars import ContextVar
from typing import Any

from ministack.core import iam_evaluator
from ministack.services import iam

ENTRIES: ContextVar[dict[str, str] | None] = ContextVar("entries", default=None)


def simulate_with_context() -> None:
    """MiniStack ignores ContextEntries, so that no statement with a condition on them ever allows anything."""
    simulate, evaluate = iam._simulate_principal_policy, iam_evaluator.evaluate

    def simulate_in_context(params: dict[str, Any]) -> Any:
        token = ENTRIES.set(_entries(params))
        try:
            return simulate(params)
        finally:
            ENTRIES.reset(token)

    def evaluate_in_context(context: iam_evaluator.EvalContext, *rest: Any) -> Any:
        context.service_context.update(ENTRIES.get() or {})
        return evaluate(context, *rest)

    iam._IAM_HANDLERS["SimulatePrincipalPolicy"] = simulate_in_context
    iam_evaluator.evaluate = evaluate_in_context


def _entries(params: dict[str, Any]) -> dict[str, str]:
    entries: dict[str, str] = {}
    while name := iam._p(params, f"ContextEntries.member.{len(entries) + 1}.ContextKeyName"):
        prefix = f"ContextEntries.member.{len(entries) + 1}."
        entries[name.lower()] = iam._p(params, f"{prefix}ContextKeyValues.member.1")
    return entries
