"""What MiniStack's Distributed Map lacks: ItemBatcher, MaxConcurrencyPath, S3 Inventory manifests, ResultWriter, counts
of items rather than of batches, and children that end with a stopped run and are not run again by a redrive.

Part of `ministack_host`, so it imports nothing of this project. Checked against MiniStack 1.5.33, which is pinned. Two
things stay as they are: the role of a state machine is not held to its policies, and a redrive walks the states before
the failed one again (a map's children that succeeded keep their results).
"""

import contextvars
import csv
import gzip
import io
import json
import os
import threading
from functools import partial
from itertools import batched
from typing import Any

from ministack.core.responses import error_response_json, json_response, now_iso
from ministack.services import s3
from ministack.services import stepfunctions as sfn

_OWN = frozenset({"ItemReader", "ItemBatcher", "ResultWriter", "ResultSelector", "ResultPath", "OutputPath"})
_REDRIVABLE = frozenset({"FAILED", "ABORTED", "TIMED_OUT"})


def complete_distributed_map() -> None:
    """Put what is missing in place."""
    sfn._run_distributed_map = partial(_run_map, sfn._run_distributed_map)
    sfn._run_sub_machine = partial(_run_child, sfn._run_sub_machine)
    sfn._fail_execution = partial(_fail_unless_stopped, sfn._fail_execution)
    sfn.handle_request = partial(_handle, sfn.handle_request)


def _run_map(
    run: Any, state: dict[str, Any], given: Any, effective: Any, processor: Any, execution: Any, context: Any
) -> Any:
    items = _items(state, effective, context)
    batcher = state.get("ItemBatcher", {})
    shared = sfn._resolve_params_obj(batcher.get("BatchInput", {}), effective, context)
    batches = items
    if batcher:
        groups = batched(items, batcher["MaxItemsPerBatch"], strict=False)
        batches = [{"BatchInput": shared, "Items": list(group)} for group in groups]
    wanted = state.get("MaxConcurrency") or 0
    if "MaxConcurrencyPath" in state:
        wanted = sfn._resolve_path_or_ctx(state["MaxConcurrencyPath"], effective, context)
    # as many function processes as AWS would start would here only fight for the cores
    cores = os.cpu_count() or 1
    plain = {name: value for name, value in state.items() if name not in _OWN}
    plain |= {"ItemsPath": "$.batches", "MaxConcurrency": min(wanted or cores, cores)}
    try:
        results, following = run(plain, {}, {"batches": batches}, processor, execution, context)
    finally:
        arn = _newest_run(execution["executionArn"])
        details = _write_results(arn, state.get("ResultWriter"), effective, context)
        _count_items(arn)
    result = {"MapRunArn": arn, "ResultWriterDetails": details} if details else results
    output = sfn._apply_result_path(state, given, sfn._apply_result_selector(state, result))
    return sfn._apply_output_path(state, output, context), following


def _items(state: dict[str, Any], effective: Any, context: Any) -> list[Any]:
    reader = state.get("ItemReader")
    if not reader:
        items: list[Any] = sfn._resolve_path_or_ctx(state.get("ItemsPath", "$"), effective, context)
        return items
    if reader.get("ReaderConfig", {}).get("InputType") != "MANIFEST":
        listed: list[Any] = sfn._read_map_items(reader, effective, context)
        return listed
    where = sfn._resolve_params_obj(reader["Parameters"], effective, context)
    manifest = json.loads(sfn._s3_object_text(where["Bucket"], where["Key"]))
    names = [name.strip() for name in manifest["fileSchema"].split(",")]
    bucket = manifest["destinationBucket"].rpartition(":")[2]
    packed = [s3._get_object_data(bucket, file["key"]) for file in manifest["files"]]
    texts = [gzip.decompress(body).decode() for body in packed]
    return [dict(zip(names, row, strict=True)) for text in texts for row in csv.reader(io.StringIO(text))]


def _newest_run(execution: str) -> str:
    return [arn for arn, run in sfn._map_runs.items() if run["executionArn"] == execution][-1]


def _children(arn: str) -> list[dict[str, Any]]:
    return [child for child in sfn._executions.values() if child.get("mapRunArn") == arn]


def _write_results(arn: str, writer: Any, effective: Any, context: Any) -> dict[str, str] | None:
    if not writer:
        return None
    where = sfn._resolve_params_obj(writer["Parameters"], effective, context)
    folder = f"{where['Prefix']}/{arn.rpartition(':')[2]}"
    files: dict[str, list[dict[str, Any]]] = {}
    for status in ("SUCCEEDED", "FAILED"):
        children = [child for child in _children(arn) if child["status"] == status]
        rows = [
            {
                "ExecutionArn": child["executionArn"],
                "Input": child["input"],
                "Status": status,
                **({"Output": child["output"]} if status == "SUCCEEDED" else {"Error": child["error"]}),
            }
            for child in children
        ]
        files[status] = [_put(where["Bucket"], f"{folder}/{status}_0.json", rows)] if rows else []
    manifest = {"DestinationBucket": where["Bucket"], "MapRunArn": arn, "ResultFiles": {**files, "PENDING": []}}
    _put(where["Bucket"], f"{folder}/manifest.json", manifest)
    return {"Bucket": where["Bucket"], "Key": f"{folder}/manifest.json"}


def _put(bucket: str, key: str, document: Any) -> dict[str, Any]:
    body = json.dumps(document).encode()
    s3._put_object(bucket, key, body, {"content-type": "application/json"})
    return {"Key": key, "Size": len(body)}


def _count_items(arn: str) -> None:
    counts = sfn._map_runs[arn]["itemCounts"]
    sizes = [(child["status"].lower(), json.loads(child["input"])) for child in _children(arn)]
    weighed = [(status, len(batch["Items"]) if "Items" in batch else 1) for status, batch in sizes]
    counts |= dict.fromkeys(("pending", "running", "succeeded", "failed"), 0)
    for status, size in weighed:
        counts[status] += size
    counts["total"] = sum(size for _, size in weighed)


def _run_child(run: Any, states: Any, start: Any, given: Any, execution: Any, context: Any) -> Any:
    if "mapRunArn" not in execution:
        return run(states, start, given, execution, context)
    parent = sfn._executions[context["Execution"]["Id"]]
    done, name = parent.setdefault("doneByChildren", {}), json.dumps(given, sort_keys=True)
    if name not in done:
        if parent["status"] != "RUNNING":
            raise sfn._ExecutionError("States.Aborted", "the execution was stopped")
        done[name] = run(states, start, given, execution, context)
    return done[name]


def _fail_unless_stopped(fail: Any, execution: Any, error: Any, cause: Any) -> None:
    if execution["status"] != "ABORTED":
        fail(execution, error, cause)


async def _handle(handle: Any, method: Any, path: Any, headers: Any, body: Any, query: Any) -> Any:
    if headers.get("x-amz-target", "").endswith(".RedriveExecution"):
        return sfn._finalize_response(_redrive(json.loads(body)))
    return await handle(method, path, headers, body, query)


def _redrive(request: dict[str, Any]) -> Any:
    execution = sfn._executions.get(request["executionArn"])
    if execution is None or execution["status"] not in _REDRIVABLE:
        return error_response_json("ExecutionNotRedrivable", "the execution does not exist or did not fail", 400)
    execution |= {"status": "RUNNING", "stopDate": None, "error": None, "cause": None, "output": None}
    sfn._add_event(execution, "ExecutionRedriven")
    threading.Thread(
        target=contextvars.copy_context().run, args=(sfn._run_execution, execution["executionArn"]), daemon=True
    ).start()
    return json_response({"redriveDate": now_iso()})
