"""Metrics in log lines: CloudWatch's embedded metric format (EMF), as Powertools for AWS Lambda prints it.

Part of `ministack_host`, so it imports nothing of this project. Format: "Specification: Embedded metric format" in the
CloudWatch User Guide.
"""

import json
from collections.abc import Iterator
from typing import Any


def embedded_metrics(line: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Namespace and datum, as PutMetricData takes it, of every metric in a log line; none in a line without EMF.

    A metric whose value is no number or list of numbers, or with a dimension the line does not name, is left out.
    """
    if '"_aws"' not in line:
        return
    try:
        record = json.loads(line)
        told = record["_aws"]
        for directive in told["CloudWatchMetrics"]:
            for names in directive.get("Dimensions") or [[]]:
                dimensions = [{"Name": name, "Value": str(record[name])} for name in names if name in record]
                for metric in directive["Metrics"] if len(dimensions) == len(names) else []:
                    values = record.get(metric["Name"])
                    values = values if isinstance(values, list) else [values]
                    if values and all(isinstance(each, int | float) for each in values):
                        datum = {
                            "MetricName": metric["Name"],
                            "Dimensions": dimensions,
                            "Timestamp": told["Timestamp"] / 1000,
                            "Unit": metric.get("Unit", "None"),
                            "Values": values,
                        }
                        yield directive["Namespace"], datum
    except (ValueError, KeyError, TypeError, AttributeError):
        return  # AWS drops what it can't parse, too
