import pytest

from trimtab.sizing.seed_table import seed_type
from trimtab.sizing.settings import SEED_TABLE, SizingSettings

DEFAULTS = SizingSettings()


@pytest.mark.parametrize(
    ("model_gb", "rps", "name"), [(1, 5, "ml.m5.large"), (1, 38, "ml.g5.2xlarge"), (10, 5, "ml.g5.2xlarge")]
)
def test_the_first_row_that_fits_answers(catalogue, model_gb, rps, name):
    assert seed_type(model_gb, rps, catalogue, DEFAULTS).name == name


def test_it_names_no_type_that_cannot_host(catalogue):
    assert not any(".t3." in row.instance_type for row in SEED_TABLE)
    legacy = SizingSettings(seed_table=({"model_gb": 4, "rps": 10, "instance_type": "ml.t3.medium"},))
    assert "no type that can host" in seed_type(1, 5, catalogue, legacy)


def test_the_model_must_fit_its_memory(catalogue):
    small = SizingSettings(seed_table=({"model_gb": 4.5, "rps": 10, "instance_type": "ml.t2.medium"},))
    assert "does not hold a model of 3.9 GB" in seed_type(3.9, 5, catalogue, small)
    assert seed_type(1.5, 5, catalogue, small).name == "ml.t2.medium"


def test_no_size_and_no_row_are_no_answer(catalogue):
    assert "not known" in seed_type(None, 5, catalogue, DEFAULTS)
    few = SizingSettings(seed_table=({"rps": 10, "instance_type": "ml.m5.large"},))
    assert "no row" in seed_type(1, 50, catalogue, few)
