"""`trimtab gate`: judges the evaluation of a new model as watch_training would, with nothing deployed."""

import argparse
from collections.abc import Iterator, Sequence
from pathlib import PurePosixPath
from typing import Any

from pydantic import BaseModel

from trimtab.cli.options import InputError, settings_of_file
from trimtab.cli.output import aligned, count, figure, print_json, tell
from trimtab.cli.sources import Part, chunks_of
from trimtab.training.evaluation import Evaluation, EvaluationError, joined
from trimtab.training.gates import all_passed, judge_gates, why_not
from trimtab.training.model_quality_json import read_evaluation
from trimtab.training.verdicts import GateVerdict, verdicts_document

NOT_PASSED = 1


def add_gate_command(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = commands.add_parser(
        "gate",
        help="may a new model be registered?",
        description="Judges the evaluation of a new model. Several files about one model are joined; a later one "
        "prevails. Exit code: 0 it passes every gate, 1 it does not, 2 bad input.",
    )
    parser.add_argument(
        "evaluations",
        metavar="EVALUATION.json",
        nargs="+",
        help="evaluation file (docs/retraining.md), Model Monitor's statistics.json or Clarify's analysis.json; or s3://",
    )
    parser.add_argument("--champion", metavar="FILE", help="the evaluation file of the model that serves now")
    parser.add_argument("--settings", metavar="FILE", help="settings of an endpoint, YAML or JSON (docs/settings.md)")
    parser.add_argument("--json", action="store_true", help="print one JSON document and nothing else")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Print the verdicts; the exit code. Raises InputError, OSError."""
    thresholds = settings_of_file(arguments.settings).retraining.gates
    dataset = thresholds.datasets[-1]
    evaluation = evaluation_in(arguments.evaluations, dataset)
    if arguments.champion:
        name = PurePosixPath(arguments.champion).stem
        champion = evaluation_in([arguments.champion], dataset)
        if champion.problem != evaluation.problem:
            raise InputError(f"{arguments.champion}: {champion.problem}, and the new model's is {evaluation.problem}")
        evaluation = against(evaluation, champion, name)
    verdicts = judge_gates(evaluation, thresholds)
    if arguments.json:
        print_json(gate_document(evaluation, verdicts))
    else:
        for line in _lines(evaluation, verdicts):
            tell(line)
    return 0 if all_passed(verdicts) else NOT_PASSED


def evaluation_in(paths: Sequence[str], dataset: str) -> Evaluation:
    """The evaluation in files about one model. `dataset`: the name of what Model Monitor and Clarify tell of.

    Raises InputError naming the file, OSError.
    """
    found: list[Evaluation] = []
    for path in paths:
        text = b"".join(chunks_of(Part(path, "table")))
        try:
            evaluation = read_evaluation(text, dataset, found[0].problem if found else None)
            found = [joined(*found, evaluation)]
        except EvaluationError as error:
            raise InputError(f"{path}: {error}") from error
    return found[0]


def against(evaluation: Evaluation, champion: Evaluation, name: str) -> Evaluation:
    """The evaluation with what the champion's own tells of it: p95, training rows, label rates. What the evaluation
    says already stays. `name`: of the champion, where neither names it."""
    service, data = champion.service, champion.data
    return _filled(evaluation, champion=champion.model or name).model_copy(
        update={
            "service": _filled(evaluation.service, champion_p95_ms=service.p95_ms),
            "data": _filled(evaluation.data, champion_rows=data.rows, champion_label_rates=data.label_rates),
        }
    )


def gate_document(evaluation: Evaluation, verdicts: Sequence[GateVerdict]) -> dict[str, Any]:
    """The result as plain JSON values."""
    return {
        "passed": all_passed(verdicts),
        "model": evaluation.model,
        "champion": evaluation.champion,
        "problem": evaluation.problem,
        "reasons": list(why_not(verdicts)),
        "gates": verdicts_document(verdicts),
    }


def _filled[P: BaseModel](part: P, **values: Any) -> P:
    return part.model_copy(update={name: value for name, value in values.items() if getattr(part, name) is None})


def _lines(evaluation: Evaluation, verdicts: Sequence[GateVerdict]) -> Iterator[str]:
    model, reasons = evaluation.model or "the model", why_not(verdicts)
    if all_passed(verdicts):
        yield f"PASSED: {model} passes {count(len(verdicts), 'gate')}"
    else:
        yield f"FAILED: {model} does not pass {len(reasons)} of {count(len(verdicts), 'gate')}"
        yield from (f"  {reason}" for reason in reasons)
    yield ""
    rows = [
        (each.gate, each.dataset, figure(each.value), _bound(each), figure(each.threshold), each.outcome.value)
        for each in verdicts
    ]
    yield from aligned(("gate", "data set", "value", "bound", "threshold", "outcome"), rows)


def _bound(verdict: GateVerdict) -> str:
    lower, upper = verdict.interval or (None, None)
    return figure(upper if lower is None else lower)
