"""Metrics in log lines, which CloudWatch Logs turns into metrics (the embedded metric format).

Powertools' own add a dimension for the function, which would tell one metric of an endpoint from the same of another
function.
"""

import json
import sys
from collections.abc import Mapping
from datetime import datetime


def log_metrics(namespace: str, dimensions: Mapping[str, str], values: Mapping[str, float], at: datetime) -> None:
    """Publish values as of a moment, which must not be more than 14 days past."""
    if not values:
        return
    metrics = {"Namespace": namespace, "Dimensions": [list(dimensions)], "Metrics": [{"Name": name} for name in values]}
    told = {"Timestamp": round(at.timestamp() * 1000), "CloudWatchMetrics": [metrics]}
    sys.stdout.write(json.dumps({"_aws": told, **dimensions, **values}) + "\n")
    sys.stdout.flush()
