"""A function as Lambda runs it: a process of the runtime alone, fed by the Lambda runtime API."""

import json
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from queue import Empty, Queue
from threading import Thread
from typing import Any
from uuid import uuid4

from local.built import BuiltFunction, runtime_command, runtime_environment
from local.cloud import ACCOUNT, REGION

LONGEST_SECONDS = 60.0


@dataclass(frozen=True)
class Answer:
    """What came back: `how` is `response`, or `error` for one that the handler or its import raised."""

    how: str
    body: Any


@dataclass(frozen=True)
class LambdaProcess:
    """A process that waits for events."""

    process: subprocess.Popen[bytes]
    events: Queue[bytes]
    answers: Queue[Answer]

    def invoke(self, event: Mapping[str, Any]) -> Answer:
        """The function's answer to an event."""
        self.events.put(json.dumps(event).encode())
        return self.answer()

    def answer(self) -> Answer:
        """The next answer. Raises AssertionError when the process ends without one, or takes too long."""
        deadline = time.monotonic() + LONGEST_SECONDS
        while time.monotonic() < deadline:
            with suppress(Empty):
                return self.answers.get(timeout=0.2)
            if self.process.poll() is not None and self.answers.empty():
                raise AssertionError(f"the process ended with status {self.process.returncode}")
        raise AssertionError(f"no answer within {LONGEST_SECONDS:g} s")


@contextmanager
def running(function: BuiltFunction, variables: Mapping[str, str]) -> Iterator[LambdaProcess]:
    """Start a built function with these variables besides the runtime's own, and end it with the block."""
    events: Queue[bytes] = Queue()
    answers: Queue[Answer] = Queue()
    arn = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:trimtab-{function.name.replace('_', '-')}"

    class RuntimeApi(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:  # …/runtime/invocation/next
            event = events.get()
            self.send_response(200)
            self.send_header("Lambda-Runtime-Aws-Request-Id", str(uuid4()))
            self.send_header("Lambda-Runtime-Deadline-Ms", str(2**42))
            self.send_header("Lambda-Runtime-Invoked-Function-Arn", arn)
            self.send_header("Content-Type", "application/json")  # without it awslambdaric's client crashes
            self.send_header("Content-Length", str(len(event)))
            self.end_headers()
            self.wfile.write(event)

        def do_POST(self) -> None:  # …/runtime/invocation/ID/response, …/ID/error, …/runtime/init/error
            body = self.rfile.read(int(self.headers["Content-Length"]))
            answers.put(Answer(self.path.rpartition("/")[2], json.loads(body)))
            self.send_response(202)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), RuntimeApi)
    server.daemon_threads = True
    Thread(target=server.serve_forever, daemon=True).start()
    own = {"AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{server.server_port}"}
    process = subprocess.Popen(
        runtime_command("-m", "awslambdaric", function.handler),
        cwd=function.code,
        env=dict(variables) | runtime_environment(function) | own,
    )
    try:
        yield LambdaProcess(process, events, answers)
    finally:
        process.kill()
        process.wait()
        server.shutdown()
        server.server_close()
