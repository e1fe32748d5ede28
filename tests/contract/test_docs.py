"""What the docs say is so: links lead somewhere, commands exist, settings and defaults are those of the code."""

import re
from pathlib import Path

import pytest
from pydantic import BaseModel

from trimtab.cost.settings import PriceSettings
from trimtab.quality.settings import QualitySettings
from trimtab.settings import EndpointSettings

PROJECT = Path(__file__).resolve().parents[2]
PAGES = sorted([PROJECT / "README.md", PROJECT / "local" / "README.md", *(PROJECT / "docs").rglob("*.md")])


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(PROJECT)))
def test_links_lead_somewhere(page):
    targets = re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text())
    assert [target for target in targets if not (page.parent / target).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(PROJECT)))
def test_make_targets_exist(page):
    targets = set(re.findall(r"`make ([a-z-]+)`|^make ([a-z-]+)", page.read_text(), re.MULTILINE))
    targets = {target for pair in targets for target in pair if target}
    known = set(re.findall(r"^([a-z-]+):", (PROJECT / "Makefile").read_text(), re.MULTILINE))
    assert targets <= known


def test_the_readme_commands_are_those_that_ci_runs():
    readme, ci = (PROJECT / "README.md").read_text(), (PROJECT / ".ci" / "run").read_text()
    first_block = re.search(r"```sh\n(.*?)```", readme, re.DOTALL)
    assert first_block
    commands = [line.partition("#")[0].strip() for line in first_block[1].splitlines()]
    assert commands == ["make demo", "make test"]
    assert all(command in ci for command in commands)


def rows(page="settings.md"):
    cells = re.findall(r"^\| `([a-z_.]+)` \| (.*?) \|", (PROJECT / "docs" / page).read_text(), re.MULTILINE)
    return dict(cells)


def shown(default):
    if default in (None, "", ()) or default == frozenset() or default == {}:
        return "none"
    return f"`{default}`"


def settings_of(model, prefix=""):
    """Every setting of a model with its default as the page shows it; a model within by its dotted keys."""
    for name, field in model.model_fields.items():
        default = field.get_default(call_default_factory=True)
        if isinstance(default, BaseModel):
            yield from settings_of(type(default), f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", shown(default)


def test_the_settings_page_has_every_setting_with_its_default():
    assert rows() == dict(settings_of(EndpointSettings))


def test_the_page_on_model_quality_has_every_setting_with_its_default():
    assert rows("model-quality.md") == dict(settings_of(QualitySettings, "quality."))


def test_the_cost_page_has_every_setting_of_prices_with_its_default():
    assert rows("cost.md").items() >= dict(settings_of(PriceSettings)).items()
