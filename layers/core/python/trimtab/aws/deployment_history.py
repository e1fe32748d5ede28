"""When which configuration of an endpoint was deployed, as far as Trimtab saw it."""

from datetime import datetime

from trimtab.aws.restorations import GOOD_CONFIGS
from trimtab.aws.state_table import read_state
from trimtab.rollout.good_configs import history_of


def read_deployments(table: str, endpoint: str) -> list[tuple[datetime, str]]:
    """The moments at which deployments began, also such as SageMaker took back or are still going on, each with the
    endpoint config. An endpoint's own LastModifiedTime does not tell: weights and instance counts change it too."""
    history = history_of(read_state(table, GOOD_CONFIGS, endpoint).content)
    began = [(each.since, each.config) for each in history.served]
    if history.undone:
        began.append((history.undone.since, history.undone.config))
    if history.pending:
        config, since = history.pending
        began.append((since, config))
    return sorted(began)
