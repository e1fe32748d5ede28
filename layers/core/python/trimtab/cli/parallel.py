"""Work on the parts of files in several processes, with a progress bar."""

import signal
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from multiprocessing import get_context

from trimtab.cli.sources import Part

BYTES_PER_PROCESS = 32 << 20
"""Starting a process takes as long as reading so many bytes: less work than that is not shared."""
_WAITING_PER_PROCESS = 2
_BAR = 30


def map_parts[Result](work: Callable[[Part], Result], parts: Sequence[Part], jobs: int) -> Iterator[Result]:
    """The result of each part, in order, with at most `jobs` processes. `work` and its results can be pickled."""
    known = sum(part.size for part in parts)
    unknown = sum(not part.size for part in parts if part.path.startswith("s3://"))
    processes = min(jobs, len(parts), known // BYTES_PER_PROCESS + unknown)
    results = map(work, parts) if processes < 2 else _map_in_processes(work, parts, processes)
    return _with_progress(results, parts) if sys.stderr.isatty() else iter(results)


def _map_in_processes[Result](
    work: Callable[[Part], Result], parts: Sequence[Part], processes: int
) -> Iterator[Result]:
    # spawned, not forked: Arrow has threads. Only some parts are handed out at a time, so that results do not pile up
    pool = ProcessPoolExecutor(processes, get_context("spawn"), initializer=_end_quietly)
    try:
        waiting: deque[Future[Result]] = deque()
        for part in parts:
            waiting.append(pool.submit(work, part))
            if len(waiting) >= processes * _WAITING_PER_PROCESS:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def _end_quietly() -> None:
    """Ctrl-C reaches every process of the terminal; only the first one has something to say."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def _with_progress[Result](results: Iterable[Result], parts: Sequence[Part]) -> Iterator[Result]:
    weights = [part.size or 1 for part in parts]
    total = sum(weights)
    done = 0
    try:
        _show(0, total, 0, len(parts))
        for number, (result, weight) in enumerate(zip(results, weights, strict=True), 1):
            done += weight
            _show(done, total, number, len(parts))
            yield result
    finally:
        sys.stderr.write("\r\x1b[K")
        sys.stderr.flush()


def _show(done: int, total: int, parts_done: int, parts: int) -> None:
    bar = "█" * (_BAR * done // total)
    sys.stderr.write(f"\r{bar:░<{_BAR}} {done / total:4.0%}  {parts_done:,} of {parts:,} parts")
    sys.stderr.flush()
