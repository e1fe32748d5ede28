from datetime import UTC, datetime, timedelta

import pytest

from trimtab.aws import deployment_history
from trimtab.aws.state_table import StateDocument
from trimtab.rollout.good_configs import ConfigHistory, began_deployment, in_service

START = datetime(2026, 11, 20, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.fixture
def known(monkeypatch):
    """The history that is stored of the endpoint's configurations."""

    def store(history):
        def read(*key):
            assert key == ("table", "good_config", "churn")
            return StateDocument(history.document() if history else {}, 1)

        monkeypatch.setattr(deployment_history, "read_state", read)
        return deployment_history.read_deployments("table", "churn")

    return store


def test_of_an_endpoint_never_seen_nothing_is_known(known):
    assert known(None) == []


def test_a_deployment_counts_from_its_beginning(known):
    first = in_service(ConfigHistory(), "config-1", START)
    begun = began_deployment(first, "config-2", START + HOUR)
    assert known(begun) == [(START, "config-1"), (START + HOUR, "config-2")]
    assert known(in_service(begun, "config-2", START + 2 * HOUR)) == known(begun)


def test_a_deployment_that_sagemaker_took_back_was_one(known):
    first = in_service(ConfigHistory(), "config-1", START)
    undone = in_service(began_deployment(first, "config-2", START + HOUR), "config-1", START + 2 * HOUR)
    assert known(undone) == [(START, "config-1"), (START + HOUR, "config-2")]


def test_changed_weights_are_no_deployment(known):
    first = in_service(ConfigHistory(), "config-1", START)
    assert known(in_service(first, "config-1", START + 5 * HOUR)) == [(START, "config-1")]
