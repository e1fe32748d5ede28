"""The dashboards show what code publishes, and nothing else."""

import ast
import json
import re
import textwrap
from pathlib import Path

import pytest

from trimtab.pages.endpoint_metrics import METRICS, WRITTEN
from trimtab.rollout.restoration import Answer
from trimtab.training.drift_helped import Outcome

PROJECT = Path(__file__).resolve().parents[2]
FUNCTIONS = sorted(path.parent.name for path in (PROJECT / "functions").glob("*/app.py"))
CLOUDWATCH = json.loads((PROJECT / "docs/grafana/trimtab-cloudwatch.json").read_text())
PROMETHEUS = json.loads((PROJECT / "docs/grafana/trimtab-prometheus.json").read_text())

NAMED_BY_OUTCOME = {
    ("roll_back_endpoint", "Alarms"): [each.title() for each in Answer],
    ("check_drift_helped", "Retrainings"): [each.title().replace("_", "") for each in Outcome],
}
"""Metrics whose names end in what was decided: what they may end in."""
LIBRARY = "layers/core/python/trimtab"
OF_ENDPOINTS = {
    "DriftScore": ("functions/detect_drift/app.py", ["EndpointName", "VariantName"]),
    "LabelShare": (f"{LIBRARY}/quality/evidence.py", ["EndpointName", "VariantName"]),
    "CanaryHarmLnE": (f"{LIBRARY}/rollout/guardrail.py", ["EndpointName"]),
    "EndpointCostPerHour": (f"{LIBRARY}/cost/predictions.py", ["EndpointName"]),
    "CostPerThousandPredictions": (f"{LIBRARY}/cost/predictions.py", ["EndpointName"]),
    "IdleCostPerHour": (f"{LIBRARY}/cost/predictions.py", ["EndpointName"]),
    "RevenueImpact": (f"{LIBRARY}/cost/predictions.py", ["EndpointName"]),
    "RevenueImpactLow": (f"{LIBRARY}/cost/predictions.py", ["EndpointName"]),
    "RevenueImpactHigh": (f"{LIBRARY}/cost/predictions.py", ["EndpointName"]),
    "MonthlySavingsEstimate": ("functions/rightsize_endpoints/app.py", ["EndpointName", "service"]),
    "RetrainSuppressed": ("functions/start_retraining/app.py", ["EndpointName", "Reason"]),
    "SpotSaving": ("functions/track_cost/app.py", []),
    "Heartbeat": ("functions/watch_self/app.py", ["Name", "service"]),
}
"""Metrics that are not one function's counts: where they are named, and their dimensions."""
OF_AWS = {
    ("AWS/Lambda", "Errors", ("FunctionName",)),
    ("AWS/Lambda", "Duration", ("FunctionName",)),
    ("AWS/SQS", "ApproximateAgeOfOldestMessage", ("QueueName",)),
    ("AWS/SQS", "ApproximateNumberOfMessagesVisible", ("QueueName",)),
}


def counted(function):
    """The names of the metrics that a function counts with Powertools, with the dimension `service` alone."""
    tree = ast.parse((PROJECT / "functions" / function / "app.py").read_text())
    tables = {
        node.targets[0].id: node.value
        for node in tree.body
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and isinstance(node.value, ast.Dict)
    }
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "add_metric":
            [name] = node.args[:1] or [each.value for each in node.keywords if each.arg == "name"]
            if isinstance(name, ast.Constant):
                names.add(name.value)
            elif isinstance(name, ast.Subscript):
                names |= {each.value for each in tables[name.value.id].values}
            elif isinstance(name, ast.JoinedStr):
                start = name.values[0].value
                names |= {start + end for end in NAMED_BY_OUTCOME.get((function, start), ())}
    return names


def widgets():
    text = re.search(r"DashboardBody: !Sub \|\n((?: {8}.*\n|\n)+)", (PROJECT / "template.yaml").read_text())
    return json.loads(textwrap.dedent(text[1]))["widgets"]


def searched(expression):
    """What a search finds or, where it is for all but some metrics, leaves out."""
    found = re.fullmatch(
        r"SEARCH\('\{([^}]*)\}((?: (?:NOT )?MetricName=\"\w+\")+)', '(?:Average|Sum|Maximum)', \d+\)", expression
    )
    namespace, *dimensions = found[1].split(",")
    for name in re.findall(r'"(\w+)"', found[2]):
        yield namespace, name, dict.fromkeys(dimensions)


def on_the_cloudwatch_dashboard():
    """Namespace, name and dimensions of each metric; a dimension's value, where it is searched for, is None."""
    for widget in widgets():
        for entry in widget["properties"].get("metrics", ()):
            if isinstance(entry[0], dict):
                yield from searched(entry[0]["expression"])
            else:
                namespace, name, *rest = (each for each in entry if isinstance(each, str))
                yield namespace, name, dict(zip(rest[::2], rest[1::2], strict=True))


def on_the_grafana_dashboard():
    for panel in CLOUDWATCH["panels"]:
        for target in panel.get("targets", ()):
            if target["expression"]:
                yield from searched(target["expression"])
            else:
                yield target["namespace"], target["metricName"], target["dimensions"]


@pytest.mark.parametrize(
    "shown", [on_the_cloudwatch_dashboard, on_the_grafana_dashboard], ids=lambda each: each.__name__
)
def test_every_metric_is_one_that_code_publishes(shown):
    found = list(shown())
    assert found
    for namespace, name, dimensions in found:
        if namespace != "Trimtab":
            assert (namespace, name, tuple(dimensions)) in OF_AWS
        elif name in OF_ENDPOINTS:
            assert sorted(dimensions) == sorted(OF_ENDPOINTS[name][1]), name
        else:
            assert dimensions.keys() == {"service"}, name
            assert name in counted(dimensions["service"]), name


@pytest.mark.parametrize("name", OF_ENDPOINTS)
def test_metrics_of_endpoints_are_named_where_they_are_published(name):
    source, dimensions = OF_ENDPOINTS[name]
    literals = {
        node.value for node in ast.walk(ast.parse((PROJECT / source).read_text())) if isinstance(node, ast.Constant)
    }
    assert name in literals
    if source.startswith("functions/"):  # Powertools adds the dimension `service` by itself
        assert set(dimensions) - {"service"} <= literals


def test_both_dashboards_show_the_same_metrics_of_trimtab():
    def of_trimtab(shown):
        return {name for namespace, name, _ in shown if namespace == "Trimtab"}

    assert of_trimtab(on_the_cloudwatch_dashboard()) == of_trimtab(on_the_grafana_dashboard())


@pytest.mark.parametrize("metric", ["Errors", "Duration"])
def test_every_function_is_on_the_dashboard(metric):
    shown = {dimensions["FunctionName"] for _, name, dimensions in on_the_cloudwatch_dashboard() if name == metric}
    expected = {"${" + "".join(part.title() for part in function.split("_")) + "Function}" for function in FUNCTIONS}
    assert shown == expected


def test_widgets_do_not_overlap_and_fill_the_width():
    taken = [
        (x, y)
        for each in widgets()
        for x in range(each["x"], each["x"] + each["width"])
        for y in range(each["y"], each["y"] + each["height"])
    ]
    assert len(taken) == len(set(taken))
    height = max(y for _, y in taken) + 1
    assert len(taken) == 24 * height


def openmetrics_names():
    return {WRITTEN, *(metric.name for metric in METRICS)}


def test_the_prometheus_dashboard_shows_every_metric_that_is_written_and_no_other():
    expressions = [target["expr"] for panel in PROMETHEUS["panels"] for target in panel.get("targets", ())]
    assert {name for each in expressions for name in re.findall(r"trimtab_\w+", each)} == openmetrics_names()


def test_the_page_on_dashboards_names_every_metric():
    page = set(re.findall(r"`(\w+)`", (PROJECT / "docs/dashboards.md").read_text()))
    assert openmetrics_names() <= page
    assert OF_ENDPOINTS.keys() <= page


@pytest.mark.parametrize("dashboard", [CLOUDWATCH, PROMETHEUS], ids=["cloudwatch", "prometheus"])
def test_grafana_dashboards_name_no_data_source_of_anyones_own(dashboard):
    assert {variable["name"] for variable in dashboard["templating"]["list"]} >= {"datasource", "endpoint"}
    sources = {json.dumps(panel["datasource"]["uid"]) for panel in dashboard["panels"] if "datasource" in panel}
    assert sources == {'"${datasource}"'}
    numbers = [panel["id"] for panel in dashboard["panels"]]
    assert len(numbers) == len(set(numbers))
