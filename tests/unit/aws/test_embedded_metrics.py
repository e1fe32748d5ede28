import json
from datetime import UTC, datetime

from trimtab.aws.embedded_metrics import log_metrics

AT = datetime(2026, 11, 20, 8, tzinfo=UTC)


def test_a_line_is_in_the_embedded_metric_format(capsys):
    log_metrics("Trimtab", {"EndpointName": "churn"}, {"A": 1.5, "B": 0.0}, AT)
    assert json.loads(capsys.readouterr().out) == {
        "_aws": {
            "Timestamp": 1795161600000,
            "CloudWatchMetrics": [
                {"Namespace": "Trimtab", "Dimensions": [["EndpointName"]], "Metrics": [{"Name": "A"}, {"Name": "B"}]}
            ],
        },
        "EndpointName": "churn",
        "A": 1.5,
        "B": 0.0,
    }


def test_nothing_is_told_of_nothing(capsys):
    log_metrics("Trimtab", {"EndpointName": "churn"}, {}, AT)
    assert capsys.readouterr().out == ""
