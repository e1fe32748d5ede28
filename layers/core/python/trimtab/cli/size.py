"""`trimtab size`: sizes one endpoint from a file of its minutes as rightsize_endpoints would, with nothing deployed."""

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from trimtab.cli.minute_table import MINUTE
from trimtab.cli.options import InputError, settings_of_file
from trimtab.cli.output import aligned, print_json, share, tell
from trimtab.cli.sizing_series import NEEDED, OPTIONAL, read_sizing_series
from trimtab.cost.catalogue import Catalogue, bundled_catalogue
from trimtab.sizing.candidates import Rejection
from trimtab.sizing.endpoint import Endpoint
from trimtab.sizing.evidence import demand_evidence, plain, proposal_evidence, replay_evidence, words
from trimtab.sizing.observations import Observations
from trimtab.sizing.proposals import Proposal
from trimtab.sizing.recommendation import Recommendation, Verdict, recommend
from trimtab.sizing.settings import SizingSettings
from trimtab.sizing.simulation import MONTH_HOURS, Replay

EXIT_CODES = {
    Verdict.RIGHT_SIZED: 0,
    Verdict.OVERSIZED: 3,
    Verdict.UNDERSIZED: 3,
    Verdict.IDLE: 3,
    Verdict.INSUFFICIENT_DATA: 4,
}
REGION = "us-east-1"


@dataclass(frozen=True, slots=True, eq=False)
class Sized:
    """A recommendation with what it is told with."""

    name: str
    endpoint: Endpoint
    found: Recommendation
    region: str
    usd_per_hour: float | None
    prices_as_of: str

    @property
    def usd_month(self) -> float | None:
        """What today's instances cost a month at list prices; None when that is not known."""
        if self.found.today is not None:
            return self.found.today.monthly_usd(self.usd_per_hour)
        return None if self.usd_per_hour is None else self.endpoint.instances * self.usd_per_hour * MONTH_HOURS


def add_size_command(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = commands.add_parser(
        "size",
        help="does an endpoint have the right instances?",
        description=f"Sizes an endpoint from a CSV file of its minutes. Columns: {', '.join(NEEDED)}, and optionally "
        f"{', '.join(OPTIONAL)}; an empty cell is unknown. cpu_percent is CloudWatch's CPUUtilization: a sum over "
        "cores, 400 when four are busy; the GPU's is a sum over GPUs. "
        "Exit code: 0 right-sized, 3 it should be changed, 4 too little is known, 2 bad input.",
    )
    parser.add_argument("series", metavar="SERIES.csv", help="one line per minute, at least 7 days")
    parser.add_argument("--instance-type", required=True, metavar="T", help="what it runs on, as ml.m5.xlarge")
    parser.add_argument("--count", required=True, type=_count, metavar="N", help="how many instances it has")
    parser.add_argument("--latency-ms", type=float, metavar="L", help="p95 to hold; by default 1.2 × what it is now")
    parser.add_argument("--region", default=REGION, help="whose list prices count (%(default)s)")
    parser.add_argument("--settings", metavar="FILE", help="settings of an endpoint, YAML or JSON (docs/settings.md)")
    parser.add_argument("--json", action="store_true", help="print one JSON document and nothing else")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Print the recommendation; its exit code. Raises InputError, OSError."""
    settings = _settings(arguments)
    catalogue = bundled_catalogue()
    instance_type = catalogue.types.get(arguments.instance_type)
    if instance_type is None:
        raise InputError(f"--instance-type {arguments.instance_type}: no type that can host an endpoint")
    if not catalogue.priced_in(arguments.region):
        raise InputError(f"--region {arguments.region}: no prices of this region are known")
    observations = read_sizing_series(arguments.series, instance_type)
    # the file is taken for all of the endpoint: it was there from the first minute on, and has no other variant
    endpoint = Endpoint(instance_type.name, arguments.count, created=observations.start, other_requests=0)
    sized = size(Path(arguments.series).stem, observations, endpoint, catalogue, arguments.region, settings)
    if arguments.json:
        print_json(size_document(sized))
    else:
        for line in _lines(sized):
            tell(line)
    return EXIT_CODES[sized.found.verdict]


def size(
    name: str,
    observations: Observations,
    endpoint: Endpoint,
    catalogue: Catalogue,
    region: str,
    settings: SizingSettings,
) -> Sized:
    """The recommendation at the end of the series, at the bundled list prices of a region."""
    prices = {each: price.usd for each, price in catalogue.priced_in(region).items()}
    now = observations.start + len(observations.invocations) * MINUTE
    found = recommend(observations, endpoint, catalogue.types, prices, settings, now)
    return Sized(name, endpoint, found, region, prices.get(endpoint.instance_type), f"{catalogue.as_of}")


def size_document(sized: Sized) -> dict[str, Any]:
    """The result as plain JSON values."""
    found, proposal = sized.found, sized.found.proposal
    saving = proposal.saving if proposal else None
    judged = proposal or (found.top[0] if found.top else None)
    document: dict[str, Any] = plain(
        {
            "name": sized.name,
            "verdict": found.verdict.value,
            "reason": found.reason,
            "now": {
                "instance_type": sized.endpoint.instance_type,
                "count": sized.endpoint.instances,
                "monthly_usd": _cents(sized.usd_month),
            },
            "proposal": proposal_evidence(proposal) if proposal else None,
            "saving_usd": [_cents(each) for each in (saving.low, saving.mid, saving.high)] if saving else None,
            "confidence": round(judged.confidence.value, 3) if judged else None,
            "confidence_reasons": judged.confidence.reasons if judged else [],
            "advice": [asdict(each) for each in found.advice],
            "target_ms": found.target_ms,
            "simulation": {
                "today": replay_evidence(found.today, sized.usd_month),
                "proposed": replay_evidence(proposal.replay, proposal.monthly_usd) if proposal else None,
            },
            "top": [proposal_evidence(each) for each in found.top],
            "rejected": [asdict(each) for each in found.rejected],
            "demand": demand_evidence(found),
            "prices": {"region": sized.region, "as_of": sized.prices_as_of},
        }
    )
    return document


def _settings(arguments: argparse.Namespace) -> SizingSettings:
    settings = settings_of_file(arguments.settings).sizing
    if arguments.latency_ms is None:
        return settings
    try:
        return SizingSettings.model_validate(settings.model_dump() | {"latency_ms": arguments.latency_ms})
    except ValidationError as error:
        raise InputError(f"--latency-ms {arguments.latency_ms:g}: milliseconds over 0 are expected") from error


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of instances")
    return int(text)


def _cents(usd: float | None) -> float | None:
    return None if usd is None else round(usd, 2)


def _lines(sized: Sized) -> Iterator[str]:
    found, proposal = sized.found, sized.found.proposal
    yield f"{found.verdict.value}: {found.reason}"
    yield ""
    now = f"{sized.endpoint.instances} × {sized.endpoint.instance_type}"
    compared = [("today", now, found.today, sized.usd_month)]
    if proposal:
        compared.append(("proposed", words(proposal), proposal.replay, proposal.monthly_usd))
    header = ("", "instances", "USD a month", "on average", "at most", "minutes over target", "requests in them")
    yield from aligned(header, [_compared(*each) for each in compared])
    yield ""
    if found.demand and found.target_ms is not None:
        demand = found.demand
        yield (
            f"traffic      {demand.mean:.3g} requests a second on average, p99 of the busiest hour {demand.peak:.3g}, "
            f"to be ready for {demand.design:.3g}"
        )
        yield f"target       p95 of {found.target_ms:.0f} ms"
    if proposal:
        yield from _proposal_lines(proposal)
    yield f"prices       {sized.region}, list prices of {sized.prices_as_of}, 730 hours a month"
    if found.top:
        yield ""
        yield from aligned(
            ("holds the target", "USD a month", "confidence"),
            [(words(each), f"{each.monthly_usd:,.2f}", f"{each.confidence.value:.2f}") for each in found.top],
        )
    if found.advice:
        yield ""
        yield from (_advice(each.name, each.answer, each.reason, each.obstacles) for each in found.advice)
    if found.rejected:
        yield ""
        yield from aligned(("rejected", "types", "for instance"), list(_rejected(found.rejected)))


def _compared(title: str, instances: str, replay: Replay | None, usd: float | None) -> tuple[str, ...]:
    cost = "unknown" if usd is None else f"{usd:,.2f}"
    if replay is None:
        return title, instances, cost, "", "", "", ""
    broken = share(replay.broken_share), share(replay.broken_requests_share)
    return title, instances, cost, f"{replay.mean_instances:.2f}", f"{replay.most_instances}", *broken


def _proposal_lines(proposal: Proposal) -> Iterator[str]:
    policy, saving, sure = proposal.policy, proposal.saving, proposal.confidence
    if policy is not None:
        yield (
            f"scaling      {policy.metric} at {policy.target_value:,.0f} a minute, "
            f"in after {policy.scale_in_cooldown_s} s, out after {policy.scale_out_cooldown_s} s"
        )
        for action in policy.scheduled:
            yield f"             {action.schedule} UTC: at least {action.minimum}"
    if saving is not None:
        yield f"saving       {saving.mid:,.2f} USD a month, between {saving.low:,.2f} and {saving.high:,.2f} (90 %)"
    yield f"confidence   {sure.value:.2f}, {sure.level}"
    yield from (f"             {reason}" for reason in sure.reasons)


def _rejected(rejected: Sequence[Rejection]) -> Iterator[tuple[str, str, str]]:
    """One line for each rule; all types are in the JSON document."""
    by_rule: dict[str, list[Rejection]] = {}
    for each in rejected:
        by_rule.setdefault(each.rule, []).append(each)
    for rule, those in by_rule.items():
        yield rule, f"{len(those)}", f"{those[0].instance_type}: {those[0].reason}"


def _advice(name: str, answer: str, reason: str, obstacles: tuple[str, ...]) -> str:
    against = f" (but: {'; '.join(obstacles)})" if obstacles else ""
    return f"advice       {name}: {answer}; {reason}{against}"
