"""A fleet as Trimtab stores it, made by Trimtab's own functions: one endpoint for each thing that pages must show."""

from collections import Counter
from datetime import UTC, datetime, timedelta

import numpy as np

from trimtab.capture.grid import Grid, numeric_bins, vocabulary
from trimtab.capture.pack import profile_document
from trimtab.capture.profile import profile_table
from trimtab.capture.reference import Reference
from trimtab.capture.table import NumericColumn, Table, TextColumn
from trimtab.capture.window import Coverage
from trimtab.cost.hours import Cost, EndpointHour, Use
from trimtab.drift.assessment import assess
from trimtab.drift.evidence import drift_finding, window_document
from trimtab.drift.history import History, after_window
from trimtab.drift.series import score_of_document
from trimtab.drift.thresholds import DriftThresholds
from trimtab.drift.windows import Window
from trimtab.findings import Origin, finding_about
from trimtab.pages.kept_finding import KeptFinding, finding_of_document, newest_first
from trimtab.pages.sources import EndpointSources, VariantSources

NOW = datetime(2026, 11, 20, 12, 35, tzinfo=UTC)
BUCKET = "trimtab-statebucket-1x2y3z"
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
THRESHOLDS = DriftThresholds()
HOSTILE = '<script>alert(1)</script>"><img src=x onerror=alert(2)>\u202eexe'


def columns(rng, rows, shift=0.0, nulls=0.0, names=("salary", "age", "amount")):
    numbers = {
        names[0]: rng.lognormal(10 + shift / 2, 0.5, rows).round(-2),
        names[1]: rng.normal(44, 12, rows).round(),
        names[2]: rng.gamma(2 + 2 * shift, 3000, rows).round(2),
        "score": rng.beta(2 + shift, 5, rows),
    }
    for values in (numbers[names[1]],):
        values[rng.random(rows) < nulls] = np.nan
    channels = ("web", "app", "branch", "broker")
    drawn = rng.choice(len(channels), rows, p=np.array([0.5, 0.3, 0.15 - 0.1 * shift, 0.05 + 0.1 * shift]))
    tenure = rng.choice(4, rows, p=[0.4, 0.3, 0.2, 0.1])
    return {name: NumericColumn(values) for name, values in numbers.items()} | {
        "channel": TextColumn(drawn.astype(np.int64), channels),
        "loan_length": NumericColumn(np.array([12.0, 24.0, 36.0, 60.0])[tenure]),
    }


def reference_of(drawn, rows):
    def bins(column):
        if isinstance(column, TextColumn):
            counts = np.bincount(column.codes[column.codes >= 0], minlength=len(column.values))
            return vocabulary({value: int(n) for value, n in zip(column.values, counts, strict=True) if n})
        return numeric_bins(*np.unique(column.values[~np.isnan(column.values)], return_counts=True))

    grid = Grid({name: bins(column) for name, column in drawn.items()})
    profile = profile_table(Table(NOW, rows, rows, drawn), grid)
    source = f"s3://{BUCKET}/training/car_loan.csv.gz"
    return Reference(grid, profile, source, "2026-10-01T00:00:00Z", frozenset({"score"}))


def judged(variant="AllTraffic", windows=40, drift_from=None, hours=12, seed=1, **how):
    """A variant with so many judged windows of which those from `drift_from` on drift."""
    rng = np.random.default_rng(seed)
    names = how.pop("names", ("salary", "age", "amount"))
    reference = reference_of(columns(rng, 20_000, names=names), 20_000)
    history, scores, document = History(), [], None
    start = NOW.replace(minute=0) - windows * hours * HOUR
    for number in range(windows):
        drifts = drift_from is not None and number >= drift_from
        rows = int(rng.integers(1000, 1600))
        shift = min(0.8, 0.35 + 0.1 * (number - drift_from)) if drifts else 0.0
        current = profile_table(
            Table(start, rows, rows, columns(rng, rows, shift, 0.04 if drifts else 0.0, names)), reference.grid
        )
        window = Window(start, start + hours * HOUR, (start,), rows)
        assessment = assess(reference, current, THRESHOLDS)
        history = after_window(history, window, assessment.verdict, THRESHOLDS)
        lost = int(rng.integers(0, 30)) if drifts else 0
        coverage = Coverage(
            objects=hours, records=rows, unreadable=Counter(bad_json=lost) if lost else Counter(), lost=lost
        )
        document = window_document(window, assessment, history, reference, THRESHOLDS, coverage)
        document["profile"] = profile_document(current)
        document["deployment"] = {"at": start.isoformat(), "config": f"{variant}-v7"} if number == 11 else None
        scores.append(score_of_document(document))
        start += hours * HOUR
    return VariantSources(variant, tuple(scores), document, reference, **how)


def quality_series(variant_scores, fall_from=None, seed=3):
    rng, entries = np.random.default_rng(seed), []
    for number, score in enumerate(variant_scores):
        falls = fall_from is not None and number >= fall_from
        value = float(rng.normal(0.915 if falls else 0.944, 0.004))
        entries.append(
            {
                "start": score.start.isoformat(),
                "end": score.end.isoformat(),
                "rows": score.rows,
                "basis": "estimated",
                "verdict": "ALERT" if falls else "OK",
                "state": "raised" if falls and number > fall_from else "cleared",
                "since": variant_scores[fall_from].start.isoformat() if falls and number > fall_from else None,
                "metrics": {
                    "accuracy": {"value": value, "lower": value - 0.012, "upper": value + 0.011},
                    "auc": {"value": value + 0.03, "lower": value + 0.02, "upper": value + 0.04},
                },
            }
        )
    return tuple(entries)


def cost_hours(days=20, usd=0.23, unknown=(), requests=4000.0, seed=5):
    rng, end, hours = np.random.default_rng(seed), NOW.replace(minute=0), {}
    for number in range(days * 24):
        start = end - (number + 1) * HOUR
        use = Use(1.0, None if number in unknown else usd * (2 if number < 50 else 1))
        served = float(rng.poisson(requests * (1.2 + np.sin(start.hour / 24 * 2 * np.pi))))
        hours[start] = EndpointHour(start, Cost(serving={"ml.m5.xlarge": use}), served)
    return hours


def cost_row(**how):
    return {
        "configuration": "car-loan-v7",
        "tags": {"team": "credit"},
        "last_hour": {},
        "month": {
            "to_date_usd": 96.2, "forecast_usd": 171.4, "low_usd": 160.0, "high_usd": 190.5, "idle_usd": 0.0,
            "deployment_usd": 1.15, "usd_per_thousand_predictions": 0.05, "predictions": 1.9e6,
        },
        "anomaly": {"state": "cleared", "since": None},
        "unpriced": [],
        "ended": None,
    } | how  # fmt: skip


def finding(endpoint, kind, severity, state, title, at, *, reason="Because of this.", evidence=None, fact="", **how):
    made = finding_about(
        Origin("123456789012", "eu-west-1", endpoint, "AllTraffic" if endpoint else ""),
        at,
        (kind, fact or title, state),
        kind=kind,
        severity=severity,
        state=state,
        title=title,
        reason=reason,
        evidence=evidence or {},
        **how,
    )
    return finding_of_document(made.model_dump(mode="json"))


def drift_findings(endpoint, variant, scores) -> list[KeptFinding]:
    raised = next(score for score in scores if score.since)
    document = {
        **variant.window,
        "causes": [
            {"kind": "covariate_shift", "text": "salary and amount moved while labels agree with the estimate"},
            {"kind": "deployment", "text": "no deployment in the two days before"},
        ],
    }
    origin = Origin("123456789012", "eu-west-1", endpoint, variant.name)
    links = {
        "verdict": f"s3://{BUCKET}/windows/{endpoint}/{variant.name}/2026-11-20T00.json",
        "report": f"s3://{BUCKET}/reports/{endpoint}/{variant.name}/2026-11-20T00/drift.html",
        "runbook": "docs/runbooks/drift.md",
    }
    made = [
        drift_finding(origin, document, "raised", raised.end, links),
        drift_finding(origin, document, "continued", NOW - 2 * HOUR, links),
    ]
    return [finding_of_document(each.model_dump(mode="json")) for each in made]


def car_loan() -> EndpointSources:
    bare = judged(drift_from=30)
    variant = VariantSources(
        bare.name, bare.scores, bare.window, bare.reference, quality_series(bare.scores, 31),
        {"last_capture": (NOW - 8 * timedelta(minutes=1)).isoformat(), "checks": {}},
    )  # fmt: skip
    findings = [
        *drift_findings("car-loan", variant, variant.scores),
        finding(
            "car-loan", "model_quality", "critical", "raised",
            "car-loan: accuracy fell from 0.944 to 0.915 (estimated without labels)", NOW - 4 * DAY,
        ),
        finding("car-loan", "settings", "info", "raised", "Reference of car-loan: 20,000 rows", NOW - 20 * DAY),
    ]  # fmt: skip
    return EndpointSources(
        "car-loan",
        (variant,),
        cost_row(anomaly={"state": "raised", "since": (NOW - 2 * DAY).isoformat()}),
        cost_hours(),
        configs={"served": [{"config": "car-loan-v7", "since": (NOW - 14 * DAY).isoformat()}]},
        reports=("reports/car-loan/AllTraffic/2026-11-20T00/drift.html",),
        findings=tuple(newest_first(findings)),
    )


def fleet_sources() -> list[EndpointSources]:
    """Every sort of endpoint that there is."""
    seen = {"last_capture": (NOW - 20 * timedelta(minutes=1)).isoformat(), "checks": {}}
    silent = {"state": "raised", "recent": ["ALERT"], "since": (NOW - 5 * HOUR).isoformat(), "notified": None}
    rollout = {
        "kind": "rollout", "phase": "baking", "phase_since": (NOW - HOUR).isoformat(), "started": NOW.isoformat(),
        "ladder": [{"step": 1, "share": 0.05}, {"step": 2, "share": 0.25}], "held": None, "reason": "",
    }  # fmt: skip
    healthy = judged(seed=8, health=seen)
    hostile = judged(seed=9, windows=6, names=(HOSTILE, "b&b", "c"), variant="v<1>")
    return [
        car_loan(),
        EndpointSources(
            "churn",
            (VariantSources("AllTraffic", healthy.scores, healthy.window, healthy.reference,
                            quality_series(healthy.scores), seen),),
            cost_row(configuration="churn-v3"),
            cost_hours(usd=0.1, seed=7),
        ),
        EndpointSources(
            "fraud-scoring", (judged(seed=10, health=seen),), cost_row(configuration="fraud-v12"),
            cost_hours(usd=1.4, seed=8), change=rollout,
            findings=(finding("fraud-scoring", "canary", "info", "continued",
                              "fraud-scoring: fraud-v13 has a greater share of the traffic", NOW - HOUR),),
        ),
        EndpointSources(
            "search-ranking", (judged(seed=11, health=seen | {"checks": {"capture_silent": silent}}),), cost_row(),
            cost_hours(usd=0.8, seed=9),
            findings=(finding("search-ranking", "self", "critical", "raised",
                              "Captures of search-ranking/AllTraffic have stopped", NOW - 5 * HOUR),),
        ),
        EndpointSources("pricing", (VariantSources("AllTraffic", health=seen),)),
        EndpointSources("recommender", (judged("Blue", seed=12, windows=20), judged("Green", seed=13, windows=20))),
        EndpointSources("legacy", (), cost_row(ended=(NOW - 3 * DAY).isoformat())),
        EndpointSources("on-trainium", (), cost_row(unpriced=["ml.trn9.48xlarge"]), cost_hours(unknown=range(99))),
        EndpointSources(
            HOSTILE, (hostile,),
            findings=(finding(HOSTILE, "drift", "warning", "raised", HOSTILE, NOW, reason=HOSTILE,
                              evidence={HOSTILE: HOSTILE, "rows": [{HOSTILE: HOSTILE}]},
                              links={HOSTILE: "javascript:alert(1)"}),),
        ),
    ]  # fmt: skip
