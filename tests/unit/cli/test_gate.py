import json
from pathlib import Path

import pytest

from tests.unit.training.builders import dataset, document

SHIFTED = {
    "datasets": {"holdout": dataset(correct=4400), "newest": dataset()},
    "robustness": {**document()["robustness"], "noise": {"rows": 10, "changed": 0}},
}


@pytest.fixture
def write(tmp_path):
    def put(name, content):
        path = tmp_path / name
        path.write_text(content if isinstance(content, str) else json.dumps(content))
        return path

    return put


def test_lets_a_model_through_that_passes_every_gate(run, write):
    ran = run("gate", write("evaluation.json", document()))
    assert ran.code == 0
    assert ran.out.startswith("PASSED: churn-7 passes ")
    assert "non_inferiority" in ran.out


def test_says_why_a_model_does_not_pass(run, write):
    ran = run("gate", write("evaluation.json", document(**SHIFTED)))
    assert ran.code == 1
    assert ran.out.startswith("FAILED: churn-7 does not pass 2 of ")
    assert "  accuracy on holdout: accuracy is 0.8800, at least " in ran.out
    assert "  noise: 10 rows were tried" in ran.out


def test_the_json_document_has_every_gate_with_value_bound_and_threshold(run, write):
    ran = run("gate", write("evaluation.json", document(**SHIFTED)), "--json")
    told = ran.document
    assert (ran.code, told["passed"], told["champion"]) == (1, False, "churn-6")
    [accuracy] = [each for each in told["gates"] if (each["gate"], each["dataset"]) == ("accuracy", "holdout")]
    assert (accuracy["value"], accuracy["threshold"], accuracy["outcome"]) == (0.88, 0.9, "FAILED")
    assert accuracy["ci"][0] < 0.88
    assert len(told["reasons"]) == sum(not each["passed"] for each in told["gates"]) == 2


def test_what_was_not_evaluated_does_not_pass(run, write):
    ran = run("gate", write("evaluation.json", {"problem": "binary_classification"}), "--json")
    assert ran.code == 1
    assert {each["outcome"] for each in ran.document["gates"]} == {"INSUFFICIENT_DATA"}


def test_takes_thresholds_from_a_settings_file(run, write):
    settings = write("settings.yaml", "retraining: {gates: {min_accuracy: 0.8, skip: [noise]}}")
    assert run("gate", write("evaluation.json", document(**SHIFTED)), "--settings", settings).code == 0


def test_the_champions_own_evaluation_gives_what_it_is_compared_by(run, write):
    alone = document(champion=None)
    alone["service"].pop("champion_p95_ms")
    alone["data"].pop("champion_rows")
    alone["data"].pop("champion_label_rates")
    evaluation = write("evaluation.json", alone)
    assert "neither latency_ms nor the champion's p95 is known" in run("gate", evaluation).out
    champion = write("champion.json", document(model="churn-6", champion=None))
    ran = run("gate", evaluation, "--champion", champion, "--json")
    assert (ran.code, ran.document["champion"]) == (0, "churn-6")
    assert {"training_rows", "label_rate", "non_inferiority"} <= {each["gate"] for each in ran.document["gates"]}
    slow = write("fast.json", document(model="", service={"p95_ms": 10}))
    ran = run("gate", evaluation, "--champion", slow, "--json")
    assert (ran.code, ran.document["champion"]) == (1, "fast")
    assert ran.document["reasons"] == ["latency: p95 in ms is 40; 12 is allowed"]


def test_a_champion_without_the_same_rows_is_no_comparison(run, write):
    alone = document(champion=None, datasets={name: dataset(comparison=None) for name in ("holdout", "newest")})
    evaluation = write("evaluation.json", alone)
    assert run("gate", evaluation).code == 0
    ran = run("gate", evaluation, "--champion", write("champion.json", document(model="churn-6")))
    assert ran.code == 1
    assert "non_inferiority on newest: the champion was not evaluated on the same rows" in ran.out


def test_joins_what_model_monitor_tells_of_the_newest_rows(run, write):
    ours = document(datasets={"holdout": dataset()})
    monitor = {
        "dataset": {"item_count": 5000},
        "binary_classification_metrics": {
            "confusion_matrix": {"0": {"0": 4400, "1": 100}, "1": {"0": 100, "1": 400}},
            "accuracy": {"value": 0.96},
        },
    }
    ran = run("gate", write("evaluation.json", ours), write("statistics.json", monitor), "--json")
    told = {(each["gate"], each["dataset"]): each for each in ran.document["gates"]}
    assert told["accuracy", "newest"]["value"] == 0.96
    assert told["accuracy", "newest"]["passed"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "no JSON"),
        ("[]", "a mapping of keys is expected, not list"),
        ({"problem": "guessing"}, "problem: "),
        (document(datasets={"holdout": {"rows": 1, "correct": 2}}), "datasets.holdout: correct (2) must not exceed"),
    ],
)
def test_bad_input_names_the_file_and_the_key(run, write, content, message):
    path = write("broken.json", content)
    ran = run("gate", path)
    assert (ran.code, ran.out) == (2, "")
    assert f"{path}: {message}" in ran.err


def test_refuses_a_champion_of_another_problem_and_files_that_are_not_there(run, write, tmp_path):
    evaluation = write("evaluation.json", document())
    ran = run("gate", evaluation, "--champion", write("champion.json", {"problem": "regression"}))
    assert ran.code == 2
    assert "champion.json: regression, and the new model's is binary_classification" in ran.err
    missing = Path(tmp_path / "missing.json")
    ran = run("gate", missing)
    assert (ran.code, ran.out) == (2, "")
    assert f"{missing}: No such file" in ran.err
