"""Start MiniStack with the patches that the local cloud needs, and end it with whoever started it.

Run by `local.cloud` on the interpreter of `.local/venvs/cloud`, so it imports nothing of this project. Standard input
is a pipe that the starter holds: when it closes, however the starter ended, MiniStack, its function processes and its
temporary folder go. Every patch names its reason; each is checked against MiniStack 1.5.33, which is pinned.
"""

import functools
import hashlib
import io
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
import zipfile
from contextvars import ContextVar
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

from ministack import app
from ministack.core import iam_actions, iam_evaluator, lambda_runtime
from ministack.services import eventbridge, lambda_svc, sqs, sts
from ministack.services.cloudformation import changesets, engine, handlers, stacks
from ministack_alarms import judge_alarms_as_cloudwatch_does
from ministack_maps import complete_distributed_map
from ministack_metrics import keep_metrics_as_cloudwatch_does
from ministack_played import take_whole_series
from ministack_policies import simulate_with_context

UNPACKED_LAYERS = Path(tempfile.gettempdir()) / "layers"
UNPACKING = threading.Lock()


def allow_events_of_aws_services() -> None:
    """SageMaker is not MiniStack's, so its events come in by PutEvents, which refuses `aws.*` sources as AWS does."""
    eventbridge._put_events = functools.partial(eventbridge._put_events, allow_aws_source=True)


def deliver_whole_batches() -> None:
    """MiniStack hands a function at most 10 SQS messages at once and never waits for more to come.

    AWS takes up to `BatchSize` (10,000 for standard queues) once `MaximumBatchingWindowInSeconds` is over. A mapping is
    looked at once a second or when a message comes, so a window ends up to a second late.
    """

    def receive(queue_url: str, batch_size: int) -> list[dict[str, Any]]:
        with sqs._queues_lock:
            queue = sqs._get_q(queue_url)
            sqs._expire_retained(queue)
            sqs._dlq_sweep(queue)
            now = time.time()
            waiting_since = [m["visible_at"] for m in queue["messages"] if m["visible_at"] <= now]
            if not waiting_since:
                return []
            window = _batching_window(queue["attributes"].get("QueueArn", ""))
            if len(waiting_since) < batch_size and now - min(waiting_since) < window:
                return []
            visibility = int(queue["attributes"].get("VisibilityTimeout", "30"))
            messages: list[dict[str, Any]] = sqs._collect_msgs(queue, batch_size, visibility)
            return messages

    sqs._receive_messages_for_esm = receive


def _batching_window(queue_arn: str) -> float:
    windows = [
        float(mapping.get("MaximumBatchingWindowInSeconds") or 0)
        for *_, mapping in lambda_svc._iter_all_esms()
        if mapping.get("EventSourceArn") == queue_arn
    ]
    return max(windows, default=0.0)


def run_few_functions_at_once() -> None:
    """A queue's `MaximumConcurrency` is meant for AWS; here as many processes would only fight for the cores."""
    allowed = lambda_svc._sqs_esm_concurrency
    cores = os.cpu_count() or 1
    lambda_svc._sqs_esm_concurrency = lambda *mapping: min(allowed(*mapping), cores)


def unpack_layers_once() -> None:
    """MiniStack unpacks every layer again for every function process: 300 MB each with numpy and pyarrow.

    Here a process gets a stand-in layer whose one `.pth` line puts the shared copy in front on `sys.path`.
    """
    real_zip = lambda_svc._resolve_layer_zip

    def stand_in(attachment: str | dict[str, Any]) -> bytes | None:
        content = real_zip(attachment)
        return content and _stand_in_layer(_unpacked(content))

    lambda_svc._resolve_layer_zip = stand_in


def _unpacked(content: bytes) -> Path:
    folder = UNPACKED_LAYERS / hashlib.sha256(content).hexdigest()[:16]
    with UNPACKING:
        if not folder.exists():
            partial = folder.with_suffix(".partial")
            zipfile.ZipFile(io.BytesIO(content)).extractall(partial)
            partial.rename(folder)
    return folder


@functools.cache
def _stand_in_layer(folder: Path) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as layer:
        line = f"import sys; sys.path.insert(0, {str(folder / 'python')!r})\n"
        layer.writestr("python/lib/python3/site-packages/layer.pth", line)
    return packed.getvalue()


def run_functions_on(interpreter: str) -> None:
    """MiniStack runs functions on its own interpreter, whose packages hide what a function forgot to ship.

    `interpreter` belongs to an environment with nothing but what AWS's runtime has.
    """
    detect = lambda_runtime._detect_runtime_binary

    def binary_and_script(runtime: str) -> tuple[str, str]:
        binary, script = detect(runtime)
        return (interpreter if runtime.startswith("python") else binary), script

    lambda_runtime._detect_runtime_binary = binary_and_script


def keep_the_workers_folder_off_the_path() -> None:
    """MiniStack's worker script lies beside the function's folder, which is called `code` and has an `__init__.py`, so
    that a function which imports pdb gets its own folder in place of the standard library's module `code`."""
    os.environ["PYTHONSAFEPATH"] = "1"  # for the processes that are started


def join_lists_in_conditions() -> None:
    """MiniStack compares an `Fn::Join` in a template's Conditions as it stands, so that it equals nothing."""
    evaluate = engine._evaluate_conditions

    def joined(value: Any, params: dict[str, Any]) -> Any:
        if isinstance(value, dict) and "Fn::Join" in value:
            return engine._resolve_refs(value, {}, params, {}, {}, "", "")
        if isinstance(value, dict):
            return {key: joined(part, params) for key, part in value.items()}
        return [joined(part, params) for part in value] if isinstance(value, list) else value

    def evaluate_joined(template: dict[str, Any], params: dict[str, Any]) -> Any:
        return evaluate(template | {"Conditions": joined(template.get("Conditions", {}), params)}, params)

    for module in (engine, changesets, handlers, stacks):
        module._evaluate_conditions = evaluate_joined


def count_loopback_as_tls() -> None:
    """Here requests come by HTTP, and policies that ask for TLS, as the template's do, would refuse them all."""
    iam_evaluator._request_origin = ContextVar("request_origin", default=("127.0.0.1", True))
    app.pin_request_origin = lambda source_ip, _tls: iam_evaluator.pin_request_origin(source_ip, True)


def authorise_by_resource_and_namespace() -> None:
    """MiniStack looks at the alarm of few actions, not at the path of parameters, and knows no condition
    `cloudwatch:namespace`.

    An action on several alarms is held to the first alone.
    """
    resource_of, context_of = iam_actions.extract_resource_arn, iam_actions.request_tag_context

    def document(body: bytes) -> dict[str, Any]:
        try:
            told = json.loads(body)
        except ValueError:
            return {}
        return told if isinstance(told, dict) else {}

    def resource(*request: Any) -> str:
        service, _, _, headers, body, _, region, account = request
        told = document(body) if service == "monitoring" else {}
        if told.get("ResourceARN"):
            return str(told["ResourceARN"])
        if told.get("AlarmNames") and headers.get("x-amz-target", "").endswith(("DeleteAlarms", "AlarmActions")):
            return f"arn:aws:cloudwatch:{region}:{account}:alarm:{told['AlarmNames'][0]}"
        if service == "ssm" and headers.get("x-amz-target", "").endswith("GetParametersByPath"):
            return f"arn:aws:ssm:{region}:{account}:parameter/{document(body).get('Path', '').strip('/')}"
        arn: str = resource_of(*request)
        return arn

    def context(service: str, action: str, body: bytes, params: dict[str, Any]) -> dict[str, Any]:
        namespace = document(body).get("Namespace") if action == "cloudwatch:PutMetricData" else None
        more = {"cloudwatch:namespace": namespace} if namespace else {}
        return {**context_of(service, action, body, params), **more}

    iam_actions.extract_resource_arn, iam_actions.request_tag_context = resource, context


def tell_who_holds_a_key() -> None:
    """The SageMaker side must know the role behind a function's access key, to hold it to that role's policies."""
    serve = app.app

    async def with_principals(scope: dict[str, Any], receive: Any, send: Any) -> None:
        if scope.get("path") != "/_local/principal":
            await serve(scope, receive, send)
            return
        key = parse_qs(scope["query_string"].decode())["access_key"][0]
        session = sts._sessions.get(key)
        status, body = (200, {"Arn": session["Arn"]}) if session else (404, {"message": "no session has this key"})
        headers = [(b"content-type", b"application/json")]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": json.dumps(body).encode()})

    app.app = with_principals


def end_with_the_starter() -> None:
    """Wait, in a thread, for the starter's end of standard input to close; then end everything that is MiniStack's."""
    # Only a process outside the group can clear up after it. It waits on a pipe as well: one that this process holds.
    folder = tempfile.gettempdir()
    subprocess.Popen(
        ["/bin/sh", "-c", 'cat; sleep 0.1; rm -rf "$0"', folder], start_new_session=True, stdin=subprocess.PIPE
    )

    def watch() -> None:
        while os.read(sys.stdin.fileno(), 1024):
            pass
        os.killpg(os.getpid(), signal.SIGKILL)

    threading.Thread(target=watch, daemon=True).start()


def main() -> None:
    """Patch, then serve. `TRIMTAB_LOCAL_FUNCTION_PYTHON` is the interpreter that functions run on."""
    end_with_the_starter()
    allow_events_of_aws_services()
    deliver_whole_batches()
    run_few_functions_at_once()
    unpack_layers_once()
    keep_the_workers_folder_off_the_path()
    run_functions_on(os.environ["TRIMTAB_LOCAL_FUNCTION_PYTHON"])
    join_lists_in_conditions()
    count_loopback_as_tls()
    authorise_by_resource_and_namespace()
    simulate_with_context()
    tell_who_holds_a_key()
    complete_distributed_map()
    keep_metrics_as_cloudwatch_does()
    take_whole_series()
    judge_alarms_as_cloudwatch_does()
    app.main()


if __name__ == "__main__":
    main()
