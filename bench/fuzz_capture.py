"""Broken captures for the decoder, made by coverage-guided mutation (atheris) from a corpus of sound ones.

python -m bench.fuzz_capture --seconds 600. What must hold is in `bench.broken_captures`; an input that breaks it is
kept below `.local/fuzz`. When time is up, all inputs that reached something new are decoded again and again, without
the fuzzer, which takes memory itself: the decoder's must not grow.
"""

import argparse
import subprocess
import sys
from pathlib import Path

FOUND = Path(__file__).parents[1] / ".local" / "fuzz"
CORPUS = FOUND / "corpus"
TURN = 200
"""Seconds after which another process goes on with the inputs that were kept: what atheris puts into the code to follow
it loses some 100 kB an input (measured; the same code without it loses nothing)."""
ROUNDS = 6
MOST_GROWTH_MB = 20


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.fuzz_capture", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--seconds", type=int, default=600, help="how long (default 600)")
    parser.add_argument("--again", type=Path, metavar="FILE", help="an input that was kept, once")
    parser.add_argument("--mutate", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.mutate:
        mutate(given.seconds)
    elif given.again:
        from bench.broken_captures import check

        check(given.again.read_bytes())
    else:
        for start in range(0, given.seconds, TURN):
            seconds = str(min(TURN, given.seconds - start))
            command = [sys.executable, "-m", "bench.fuzz_capture", "--mutate", "--seconds", seconds]
            if subprocess.run(command, cwd=Path(__file__).parents[1], check=False).returncode:
                raise SystemExit(f"broken: the input is below {FOUND}; run it again with --again FILE")
        print(grown())


def mutate(seconds: int) -> None:
    import atheris

    with atheris.instrument_imports(include=["trimtab.capture"]):
        from bench.broken_captures import check, seeds

    CORPUS.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(seeds()):
        (CORPUS / f"seed-{number:04}").write_bytes(seed)
    limits = [f"-max_total_time={seconds}", "-max_len=6000", "-rss_limit_mb=4000", "-timeout=20"]
    told = ["-print_final_stats=1", "-verbosity=0", f"-artifact_prefix={FOUND}/"]
    atheris.Setup([sys.argv[0], *limits, *told, str(CORPUS)], check)
    atheris.Fuzz()


def grown() -> str:
    """What memory is taken after each round over all kept inputs. Exits when it still grows after the second."""
    from bench.broken_captures import check

    inputs = [path.read_bytes() for path in sorted(CORPUS.iterdir())]
    resident = []
    for _ in range(ROUNDS):
        for data in inputs:
            check(data)
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        resident.append(pages * 4096 / 1e6)
    told = f"resident MB over {ROUNDS} rounds of {len(inputs)} inputs: {', '.join(f'{each:.0f}' for each in resident)}"
    if resident[-1] > resident[1] + MOST_GROWTH_MB:
        raise SystemExit(f"memory grows: {told}")
    return told


if __name__ == "__main__":
    main()
