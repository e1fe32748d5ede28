import json

import pytest

from trimtab.drift.thresholds import DriftThresholds
from trimtab.settings import (
    BuildReferenceSettings,
    DetectDriftSettings,
    EndpointSettings,
    ProfileCaptureSettings,
    SettingsError,
    parse_endpoint_settings,
)

DEFAULTS = {
    "columns": (),
    "predictions": (),
    "records": "",
    "output_records": "",
    "categorical": frozenset(),
    "ignore": frozenset(),
    "critical": frozenset(),
    "importance": {},
    "reference": None,
    "watermark_minutes": 15,
    "max_window_hours": 336,
    "reminder_hours": 24,
    "drift": {
        "policy": "minimum_effect",
        "drift_share": 0.5,
        "psi": 0.1,
        "warn_psi": 0.05,
        "alert_fdr": 0.05,
        "warn_fdr": 0.01,
        "warn_rows": 500,
        "alert_rows": 1000,
        "unseen_share": 0.01,
        "range_share": 0.01,
        "missing_change": 0.05,
        "rule_level": 0.01,
        "invalid_share": 0.01,
        "critical_importance": 0.05,
        "importance_share": 0.1,
        "raise_after": 2,
        "raise_of": 3,
        "clear_after": 2,
    },
}


@pytest.mark.parametrize("text", ["", "\n", "# nothing yet\n", "{}", "---", "null"])
def test_an_empty_document_means_every_default(text):
    settings = parse_endpoint_settings(text)
    assert settings == EndpointSettings()
    found = settings.model_dump()
    found["drift"] = {key: found["drift"][key] for key in DEFAULTS["drift"]}
    assert {key: found[key] for key in DEFAULTS} == DEFAULTS


def test_every_key_has_a_default_and_says_what_it_is_for():
    fields = EndpointSettings.model_fields | DriftThresholds.model_fields
    assert not [name for name, field in fields.items() if field.is_required()]
    nested = {name for name, field in fields.items() if hasattr(field.annotation, "model_fields")}
    assert not [name for name, field in fields.items() if not field.description and name not in nested]


YAML = """
columns: [age, income, plan]
predictions: [score]
records: instances
categorical: [plan]
importance: {age: 3, income: 1}
reference: s3://training/churn/train.csv
drift:
  psi: 0.2
  policy: drift_share
"""


def test_yaml_and_json_say_the_same():
    from_yaml = parse_endpoint_settings(YAML)
    assert from_yaml.columns == ("age", "income", "plan")
    assert from_yaml.importance == {"age": 3.0, "income": 1.0}
    assert from_yaml.drift == DriftThresholds(psi=0.2, policy="drift_share")
    document = json.loads(from_yaml.model_dump_json())
    for indent in (None, 2, "\t"):
        assert parse_endpoint_settings(json.dumps(document, indent=indent)) == from_yaml


@pytest.mark.parametrize(
    ("text", "faults"),
    [
        ("colums: [a]", ["colums: Extra inputs are not permitted"]),
        ("drift: {ps: 0.1}", ["drift.ps: Extra inputs are not permitted"]),
        ("drift:\n  psi: much\n  nope: 1\nreminder_hours: 0", ["drift.psi: ", "drift.nope: ", "reminder_hours: "]),
        ("drift: 3", ["drift: "]),
        ("columns: age", ["columns: "]),
        ("columns: [age, 7]", ["columns.1: "]),
        ("columns: [yes, no]", ["columns.0: ", "columns.1: "]),
        ("columns: [a, b, a, c, c]", ["columns: names a, c twice"]),
        ("predictions: [p, p]", ["predictions: names p twice"]),
        ("importance: {age: -1}", ["importance.age: "]),
        ("importance: {age: .inf}", ["importance.age: "]),
        ("importance: {age: .nan}", ["importance.age: "]),
        ("importance: [age]", ["importance: "]),
        ("reference: train.csv", ["reference: "]),
        ("reference: s3://bucket-alone", ["reference: "]),
        ("watermark_minutes: 1441", ["watermark_minutes: "]),
        ("max_window_hours: 0", ["max_window_hours: "]),
        ("drift: {psi: 0}", ["drift.psi: "]),
        ("drift: {alert_fdr: 1}", ["drift.alert_fdr: "]),
        ("drift: {range_share: 1.5}", ["drift.range_share: "]),
        ("drift: {policy: sometimes}", ["drift.policy: "]),
        ("drift: {raise_after: 5}", ["drift: raise_after (5) must not exceed raise_of (3)"]),
        ("drift: {warn_rows: 2000}", ["drift: warn_rows (2000) must not exceed alert_rows (1000)"]),
        ("drift: {warn_psi: 0.3}", ["drift: warn_psi (0.3) must not exceed psi (0.1)"]),
        ("7: 8", ["7: "]),
        ("[a, b]", ["a mapping of keys is expected, not list"]),
        ("just words", ["a mapping of keys is expected, not str"]),
        ("5", ["a mapping of keys is expected, not int"]),
        ("columns: [a", ["not YAML or JSON", "line 1"]),
        ("a: b: c", ["not YAML or JSON", "line 1, column 5"]),
        ("ignore: [a]\nignore: [b]", ["ignore stands there twice", "line 2"]),
        ('{"drift": {"psi": 0.1, "psi": 0.2}}', ["psi stands there twice"]),
        ("records: 2026-13-45", ["not YAML or JSON", "month"]),
        ("reminder_hours: !!int often", ["not YAML or JSON"]),
        ("? [a]\n: b", ["not YAML or JSON"]),
        ("\0", ["not YAML or JSON"]),
        ("!!python/object/apply:os.getcwd []", ["not YAML or JSON"]),
    ],
)
def test_what_cannot_be_used_is_refused_by_its_path(text, faults):
    with pytest.raises(SettingsError) as refusal:
        parse_endpoint_settings(text)
    for fault in faults:
        assert fault in str(refusal.value)
    assert "\n" not in str(refusal.value)


MERGES = "\n".join(f"a{i}: &a{i} {{<<: [{', '.join([f'*a{i - 1}'] * 10)}]}}" for i in range(1, 10))


@pytest.mark.parametrize(
    "bomb",
    [
        "a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]",
        f"a0: &a0 {{x: 1}}\n{MERGES}",
        "&a {columns: *a}",
        "[" * 4000,
        "{a: " * 1000,
    ],
    ids=["laughs", "merges", "itself", "lists", "mappings"],
)
def test_documents_made_to_blow_up_are_refused(bomb):
    with pytest.raises(SettingsError, match="not YAML or JSON"):
        parse_endpoint_settings(bomb)


def test_as_large_as_a_parameter_can_be():
    names = [f"column_{i:04d}" for i in range(550)]
    text = f"columns: [{', '.join(names)}]"
    assert 7000 < len(text) <= 8192
    assert parse_endpoint_settings(text).columns == tuple(names)


def test_settings_do_not_change():
    with pytest.raises(ValueError, match="frozen"):
        EndpointSettings().records = "x"


@pytest.mark.parametrize("model", [BuildReferenceSettings, DetectDriftSettings, ProfileCaptureSettings])
def test_a_function_reads_its_own_variables(model):
    environment = {name.upper(): f"the {name}" for name in model.model_fields} | {"PATH": "/bin"}
    assert model.from_environment(environment).model_dump() == {name: f"the {name}" for name in model.model_fields}


@pytest.mark.parametrize("model", [BuildReferenceSettings, DetectDriftSettings, ProfileCaptureSettings])
def test_absent_variables_are_named(model):
    with pytest.raises(SettingsError) as refusal:
        model.from_environment({"NAME": "trimtab", "state_bucket_name": "not this one"})
    assert str(refusal.value).startswith("environment: ")
    for name in model.model_fields.keys() - {"name"}:
        assert f"{name.upper()}: " in str(refusal.value)
    assert " NAME: " not in str(refusal.value)


@pytest.mark.parametrize("key", ["records", "output_records"])
@pytest.mark.parametrize("path", ["a.[", "a b", "rows[?x==1", "`"])
def test_a_path_that_is_no_jmespath_is_refused_with_its_key(key, path):
    with pytest.raises(SettingsError, match=rf"^{key}: no JMESPath: ") as refusal:
        parse_endpoint_settings(json.dumps({key: path}))
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize("path", ["", "data.rows", "rows[?x > `1`].features", "outputs[*].[a, b]"])
def test_a_jmespath_is_taken_as_it_stands(path):
    assert parse_endpoint_settings(json.dumps({"records": path})).records == path


def test_a_beginning_of_the_inference_id_needs_a_separator():
    assert parse_endpoint_settings("model_attribute: 'inferenceId:/'").model_attribute == "inferenceId:/"
    with pytest.raises(SettingsError, match=r"^model_attribute: after inferenceId: the separator is missing"):
        parse_endpoint_settings("model_attribute: 'inferenceId:'")


@pytest.mark.parametrize("quality", ["segments: [plan]", "prediction: plan", "score: plan"])
def test_what_quality_is_told_from_must_not_be_redacted(quality):
    with pytest.raises(SettingsError, match=rf"quality\.{quality.partition(':')[0]}: plan is never kept"):
        parse_endpoint_settings(f"{{redact: [plan], quality: {{{quality}}}}}")
