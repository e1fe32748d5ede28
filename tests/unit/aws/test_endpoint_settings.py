import pytest

from trimtab.aws import clients, endpoint_settings
from trimtab.aws.endpoint_settings import load_endpoint_settings, parameter_name
from trimtab.aws.state_table import StaleStateError, StateDocument, read_state, write_state
from trimtab.settings import EndpointSettings

pytestmark = pytest.mark.usefixtures("aws")


def put(text, endpoint="churn"):
    clients.ssm().put_parameter(Name=parameter_name("trimtab", endpoint), Type="String", Value=text, Overwrite=True)


def load(endpoint="churn"):
    return load_endpoint_settings("trimtab", "state", endpoint)


def test_the_parameter_is_named_after_installation_and_endpoint():
    assert parameter_name("trimtab", "churn") == "/trimtab/endpoints/churn"


def test_without_a_parameter_every_default_holds():
    assert load() == endpoint_settings.LoadedSettings(EndpointSettings(), problem="")


def test_a_parameter_is_used_and_remembered_once():
    put("ignore: [id]")
    assert load().settings.ignore == {"id"}
    assert load().settings.ignore == {"id"}
    assert read_state("state", "endpoint#churn", "settings") == StateDocument({"text": "ignore: [id]"}, 1)
    assert load("fraud").settings == EndpointSettings()


def test_a_wrong_parameter_leaves_the_last_good_settings():
    put("ignore: [id]")
    load()
    put("ignore: [id, age]\ndrift: {psi: much}")
    loaded = load()
    assert loaded.settings.ignore == {"id"}
    assert loaded.problem.startswith("drift.psi: ")
    put("ignore: [age]")
    assert load() == endpoint_settings.LoadedSettings(EndpointSettings(ignore=frozenset({"age"})))


def test_a_parameter_that_was_never_good_leaves_the_defaults():
    put("[")
    assert load().settings == EndpointSettings()
    assert "not YAML or JSON" in load().problem


def test_last_good_settings_that_this_release_does_not_know_leave_the_defaults():
    write_state("state", "endpoint#churn", "settings", {"text": "formerly: known"}, after=StateDocument())
    put("[")
    assert load().settings == EndpointSettings()


def test_another_function_may_remember_them_first(monkeypatch):
    def lose(*_, **__):
        raise StaleStateError("endpoint#churn/settings was written by another run")

    monkeypatch.setattr(endpoint_settings, "write_state", lose)
    put("ignore: [id]")
    assert load().settings.ignore == {"id"}
