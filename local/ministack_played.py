"""Metric series handed over whole: two weeks of minutes would take PutMetricData minutes of their own.

Part of `ministack_host`, so it imports nothing of this project. `PUT /_local/metrics` with a list of series:
`{"Namespace", "MetricName", "Dimensions": {name: value}, "Unit", "Start": seconds since 1970, "Minutes": [[values,
counts] or null, …]}`. What they say is kept as if PutMetricData had said it, minute by minute.
"""

import json
from operator import itemgetter
from typing import Any

from ministack import app
from ministack.services import cloudwatch as cw
from ministack_metrics import STORING

MINUTE = 60
_AT = itemgetter("Timestamp")


def take_whole_series() -> None:
    """Answer `PUT /_local/metrics`, beside everything else."""
    serve = app.app

    async def with_series(scope: dict[str, Any], receive: Any, send: Any) -> None:
        if (scope.get("method"), scope.get("path")) != ("PUT", "/_local/metrics"):
            await serve(scope, receive, send)
            return
        told = b"".join([part async for part in _parts(receive)])
        kept = sum(_keep(series) for series in json.loads(told))
        cw._evaluate_all_alarms()
        body = json.dumps({"datapoints": kept}).encode()
        headers = [(b"content-type", b"application/json")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    app.app = with_series


async def _parts(receive: Any) -> Any:
    while True:
        message = await receive()
        yield message.get("body", b"")
        if not message.get("more_body"):
            return


def _keep(series: dict[str, Any]) -> int:
    """Keep a series; how many datapoints it has."""
    dimensions, unit = series["Dimensions"], series["Unit"]
    first = series["Start"] // MINUTE * MINUTE
    points = [
        {
            "Timestamp": first + number * MINUTE,
            "Unit": unit,
            "Dimensions": dimensions,
            "Values": contents[0],
            "Counts": contents[1],
        }
        for number, contents in enumerate(series["Minutes"])
        if contents
    ]
    key = (series["Namespace"], series["MetricName"], cw._dims_key(dimensions))
    with STORING:
        bucket = cw._metric_bucket(key)
        bucket.extend(points)
        bucket.sort(key=_AT)
    return len(points)
