"""The cost of training jobs as it is kept in the state bucket, a document a month."""

from datetime import datetime, timedelta
from typing import Any

from trimtab.aws import cost_documents
from trimtab.aws.price_lists import PriceLists
from trimtab.aws.state_table import read_state, write_state
from trimtab.aws.training_jobs import describe_training_job, finished_training_jobs
from trimtab.cost.ledger import LATE, months_between
from trimtab.cost.prices import Product
from trimtab.training.costs import ended_at, finished_job, job_row, month_document, priced, row_key, unpriced_types

_MOST = 500
_UNPRICED_DAYS = timedelta(days=31)


def count_trainings(table: str, prices: PriceLists) -> list[dict[str, Any]]:
    """Keep the jobs that finished since the last look, at first those of this month; price what had no price so far.
    The rows whose cost became known, each once.

    Of very many jobs, so many are looked at as there is time for; the next look goes on with them.
    """
    now, bucket = prices.now, prices.bucket
    stored = read_state(table, "training", "cost")
    month_began = now.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    since = datetime.fromisoformat(stored.content["looked"]) - LATE if stored.content else month_began
    listed = finished_training_jobs(since)
    months = months_between(min((now - _UNPRICED_DAYS, *map(ended_at, listed))), now)
    before = cost_documents.read_trainings(bucket, months)
    rows = {row_key(row): row for document in before.values() for row in document.get("jobs", ())}
    new = [each for each in listed if (ended_at(each).isoformat(), each["TrainingJobName"]) not in rows]
    for each in new[:_MOST]:
        row = job_row(finished_job(describe_training_job(each["TrainingJobName"])))
        rows[row_key(row)] = row
    products = [Product(prices.region, "Training", name) for name in unpriced_types(rows.values())]
    usd = {product.item: price.usd for product, price in prices.prices_of(products).items()}
    after = {key: priced(row, usd) for key, row in rows.items()}
    for month, document in before.items():
        counted = month_document(month, after.values())
        if counted["jobs"] != document.get("jobs", []):
            cost_documents.write_trainings(bucket, month, counted)
    if len(new) <= _MOST:
        write_state(table, "training", "cost", {"looked": now.isoformat()}, after=stored)
    return [row for key, row in after.items() if row["cost_usd"] is not None and rows[key]["cost_usd"] is None]
