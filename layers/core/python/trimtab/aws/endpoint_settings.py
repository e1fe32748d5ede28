"""The monitor settings of an endpoint: a parameter its owner writes, and the last version that could be used."""

from contextlib import suppress
from dataclasses import dataclass

from trimtab.aws.parameter_store import read_parameter
from trimtab.aws.state_table import StaleStateError, StateDocument, read_state, write_state
from trimtab.settings import EndpointSettings, SettingsError, parse_endpoint_settings


@dataclass(frozen=True)
class LoadedSettings:
    """Settings to work with. `problem` says why the parameter as it stands could not be used, "" when it could."""

    settings: EndpointSettings
    problem: str = ""


def parameter_name(name: str, endpoint: str) -> str:
    """The parameter that holds an endpoint's settings, in the installation called `name`."""
    return f"/{name}/endpoints/{endpoint}"


def load_endpoint_settings(name: str, table: str, endpoint: str) -> LoadedSettings:
    """The endpoint's settings; the last good ones when the parameter is wrong; defaults when there is none."""
    text = read_parameter(parameter_name(name, endpoint))
    if text is None:
        return LoadedSettings(EndpointSettings())
    last_good = read_state(table, f"endpoint#{endpoint}", "settings")
    try:
        settings = parse_endpoint_settings(text)
    except SettingsError as error:
        return LoadedSettings(_parse_last_good(last_good), problem=str(error))
    if text != last_good.content.get("text"):
        # when another function read the same change and wrote it first, there is nothing left to do
        with suppress(StaleStateError):
            write_state(table, f"endpoint#{endpoint}", "settings", {"text": text}, after=last_good)
    return LoadedSettings(settings)


def _parse_last_good(document: StateDocument) -> EndpointSettings:
    try:
        return parse_endpoint_settings(document.content.get("text", ""))
    except SettingsError:  # good for an earlier release of Trimtab only
        return EndpointSettings()
