"""Settings that are a parameter its owner writes, and the last version that could be used."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass

from trimtab.aws.parameter_store import parameters_below, read_parameter
from trimtab.aws.state_table import StaleStateError, StateDocument, read_state, write_state
from trimtab.settings import EndpointSettings, SettingsError, parse_endpoint_settings


@dataclass(frozen=True)
class LoadedSettings[T]:
    """Settings to work with. `problem` says why the parameter as it stands could not be used, "" when it could."""

    settings: T
    problem: str = ""


def parameter_name(name: str, endpoint: str) -> str:
    """The parameter that holds an endpoint's settings, in the installation called `name`."""
    return f"{_parameters_path(name)}/{endpoint}"


def endpoints_with_settings(name: str) -> Iterator[tuple[str, str]]:
    """Each endpoint that has a parameter with settings, deployed or not, and the text in it, usable or not."""
    for parameter, text in parameters_below(_parameters_path(name)):
        yield parameter.rpartition("/")[2], text


def load_endpoint_settings(name: str, table: str, endpoint: str) -> LoadedSettings[EndpointSettings]:
    """The endpoint's settings; the last good ones when the parameter is wrong; defaults when there is none."""
    return load_settings(parameter_name(name, endpoint), table, f"endpoint#{endpoint}", parse_endpoint_settings)


def load_settings[T](parameter: str, table: str, partition: str, parse: Callable[[str], T]) -> LoadedSettings[T]:
    """The settings in a parameter; the last good ones, kept in a partition of the state table, when it is wrong; those
    of an empty text when there is none. `parse` raises SettingsError."""
    text = read_parameter(parameter)
    if text is None:
        return LoadedSettings(parse(""))
    last_good = read_state(table, partition, "settings")
    try:
        settings = parse(text)
    except SettingsError as error:
        return LoadedSettings(_parse_last_good(last_good, parse), problem=str(error))
    if text != last_good.content.get("text"):
        # when another function read the same change and wrote it first, there is nothing left to do
        with suppress(StaleStateError):
            write_state(table, partition, "settings", {"text": text}, after=last_good)
    return LoadedSettings(settings)


def tell_problem(table: str, partition: str, problem: str, tell: Callable[[str], None]) -> None:
    """Have people told once that settings of a partition cannot be used, and once that they can be again (no problem).

    `tell` gets what stands for the occasion: the same when it is called again because remembering failed.
    """
    before = read_state(table, partition, "settings-problem")
    if problem != before.content.get("problem", ""):
        tell(str(before.version))
        write_state(table, partition, "settings-problem", {"problem": problem}, after=before)


def _parameters_path(name: str) -> str:
    return f"/{name}/endpoints"


def _parse_last_good[T](document: StateDocument, parse: Callable[[str], T]) -> T:
    try:
        return parse(document.content.get("text", ""))
    except SettingsError:  # good for an earlier release of Trimtab only
        return parse("")
