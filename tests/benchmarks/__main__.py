"""``make bench``: our figures beside those of earlier systems, in one run.

make bench                     everything, on PostgreSQL
make bench ARGS="drain"        only the worker
make bench ARGS="submit"       only the API
make bench ARGS="tasks"        only the stream worker
make bench ARGS="route"        only what a failing edge costs
make bench ARGS="audit"        only what writing the audit costs
make bench ARGS="verify"       only verifying the log, over a million events (minutes)
make bench ARGS="desk"         only the desk, over a million jobs (some minutes)
make bench ARGS="modelserver"  only our own model server with a tiny Gemma, after
                               make .venv-models/models.done; not among everything
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
from collections.abc import Callable

ROUNDS = 3
EARLIER = {
    # path: (the earlier FastAPI + RQ system, the best prototype), on 2 shared cores
    "drain, 0 ms, jobs/s": ("2.9", "463"),
    "drain, 200 ms x 32, jobs/s": ("1.9", "148"),
    "drain, 200 ms x 256, jobs/s": ("-", "-"),
    "drain, 2 processes, 0 ms, jobs/s": ("-", "515"),
    "worker memory x 32, MB": ("106", "81"),
    "worker memory x 256, MB": ("-", "-"),
    "submit x 16, r/s": ("176", "556"),
    "submit x 16, CPU ms": ("5.7", "2.6"),
    "submit x 64, p99 ms": ("-", "212"),
    "bulk, jobs/s": ("-", "-"),
    "tasks, 0 ms, tasks/s": ("-", "-"),
    "tasks, 200 ms x 32, tasks/s": ("-", "-"),
    "p95 beside an edge of 503s, ms": ("-", "-"),
    "p95 beside an edge that hangs, ms": ("-", "-"),
    "audit, share of a submission, %": ("-", "-"),
    "audit, share of a completion, %": ("-", "-"),
    "audit, share of claim and settling, %": ("-", "-"),
    "sealing, events/s": ("-", "-"),
    "verifying, 1 M events, s": ("-", "-"),
    "verifying, 1 M events, CPU s": ("-", "-"),
    "verifying, 1 M events, MB": ("-", "-"),
    "worklist, 1 M jobs, ms": ("-", "-"),
    "worklist narrowed, 1 M jobs, ms": ("-", "-"),
    "worklist of signed, 1 M jobs, ms": ("-", "-"),
    "case page, 1 M jobs, ms": ("-", "-"),
    "audit events, 1 M, ms": ("-", "-"),
    "audit events of a job, 1 M, ms": ("-", "-"),
    "model server x 1, r/s": ("-", "-"),
    "model server x 4, r/s": ("-", "-"),
    "model server x 16, r/s": ("-", "-"),
}


def median(measure: Callable[[], dict[str, float]], rounds: int) -> dict[str, float]:
    """Return the median of each figure over some rounds."""
    found = [measure() for _ in range(rounds)]
    return {key: statistics.median(f[key] for f in found) for key in found[0]}


def show(path: str, figure: float, bound: float | None = None) -> None:
    """Print one figure beside the earlier ones, and as a share of its bound."""
    earlier, prototype = EARLIER[path]
    share = "" if bound is None else f"{figure / bound:8.0%} of {bound:g}"
    sys.stdout.write(f"{path:<36}{figure:>9.1f}{earlier:>10}{prototype:>11}{share}\n")
    sys.stdout.flush()


def note(what: str, *figures: float) -> None:
    """Print what is to be known of a figure, below it."""
    told = "".join(f"{figure:10.1f}" for figure in figures)
    sys.stdout.write(f"  {what:<33}{told}\n")
    sys.stdout.flush()


def drain_figures(rounds: int) -> None:
    """Measure one worker process."""
    from tests.benchmarks.drain import drain

    quick = median(lambda: drain(jobs=4000, milliseconds=0), rounds)
    show("drain, 0 ms, jobs/s", quick["jobs/s"])
    both = median(lambda: drain(jobs=6000, milliseconds=0, workers=2), rounds)
    show("drain, 2 processes, 0 ms, jobs/s", both["jobs/s"])
    slow = median(lambda: drain(jobs=3000, milliseconds=200), rounds)
    show("drain, 200 ms x 32, jobs/s", slow["jobs/s"], bound=160)
    show("worker memory x 32, MB", slow["RSS MB"])
    wide = median(lambda: drain(jobs=10_000, milliseconds=200, concurrency=256), rounds)
    show("drain, 200 ms x 256, jobs/s", wide["jobs/s"], bound=1280)
    show("worker memory x 256, MB", wide["RSS MB"])


def submit_figures(rounds: int) -> None:
    """Measure the API."""
    from tests.benchmarks.submit import bulk, submit

    few = median(lambda: submit(seconds=5, connections=16), rounds)
    show("submit x 16, r/s", few["r/s"])
    show("submit x 16, CPU ms", few["CPU ms"])
    many = median(lambda: submit(seconds=5, connections=64), rounds)
    show("submit x 64, p99 ms", many["p99 ms"])
    show("bulk, jobs/s", median(lambda: bulk(requests=4), rounds)["jobs/s"])


def task_figures(rounds: int) -> None:
    """Measure one stream worker."""
    from tests.benchmarks.tasks import drain_tasks

    quick = median(lambda: drain_tasks(tasks=3000, milliseconds=0), rounds)
    show("tasks, 0 ms, tasks/s", quick["tasks/s"])
    slow = median(lambda: drain_tasks(tasks=2000, milliseconds=200), rounds)
    show("tasks, 200 ms x 32, tasks/s", slow["tasks/s"], bound=160)


def route_figures(rounds: int) -> None:
    """Measure what a failing edge costs."""
    from tests.benchmarks.route import failing_edge

    many = failing_edge(mode="status:503", jobs=300, milliseconds=200, per_second=10)
    show("p95 beside an edge of 503s, ms", many["p95 ms"], many["cloud's p95 ms"])
    one = failing_edge(mode="hang", jobs=200, milliseconds=200)
    show("p95 beside an edge that hangs, ms", one["p95 ms"], one["cloud's p95 ms"])


def audit_figures(rounds: int) -> None:
    """Measure what the events cost: rounds of its own take turns with and without."""
    from tests.benchmarks.audit import audit_cost, shares

    found = audit_cost()
    for part, path in (
        ("submit", "audit, share of a submission, %"),
        ("complete", "audit, share of a completion, %"),
        ("settle", "audit, share of claim and settling, %"),
    ):
        low, middle, high, best = shares(found[part], 0)
        show(path, middle, bound=10)
        note("half of the rounds from .. to", low, high)
        note("the quickest tenth of the rounds", best)
        low, middle, high, _ = shares(found[part], 1)
        note("processor time; half from .. to", middle, low, high)
    show("sealing, events/s", found["seal"])


def verify_figures(rounds: int) -> None:
    """Measure verifying a log of a million events, once."""
    from tests.benchmarks.verify import verify

    found = verify()
    show("verifying, 1 M events, s", found["seconds"], bound=60)
    show("verifying, 1 M events, CPU s", found["CPU seconds"])
    show("verifying, 1 M events, MB", found["MB"])


def desk_figures(rounds: int) -> None:
    """Measure the clinician's pages: each is asked many times, in one round."""
    from tests.benchmarks.desk import desk

    found = desk()
    show("worklist, 1 M jobs, ms", found["worklist ms"], bound=150)
    show("worklist narrowed, 1 M jobs, ms", found["narrowed ms"], bound=150)
    show("worklist of signed, 1 M jobs, ms", found["signed ms"], bound=150)
    show("case page, 1 M jobs, ms", found["case ms"], bound=150)
    show("audit events, 1 M, ms", found["events ms"], bound=150)
    show("audit events of a job, 1 M, ms", found["found ms"], bound=150)


def modelserver_figures(rounds: int) -> None:
    """Measure our own model server by the size of its batches; once."""
    from tests.benchmarks.modelserver import by_batch_size

    found = by_batch_size()
    for size, figures in found.items():
        show(f"model server x {size}, r/s", figures["r/s"], bound=found[1]["r/s"])
        note("tokens written a second", figures["tokens/s"])
        note("tokens read a second", figures["prompt tokens/s"])
        note("mean size of a batch", figures["batch"])


FIGURES = {
    "drain": drain_figures,
    "submit": submit_figures,
    "tasks": task_figures,
    "route": route_figures,
    "audit": audit_figures,
    "verify": verify_figures,
    "desk": desk_figures,
    "modelserver": modelserver_figures,
}
EVERYTHING = [part for part in FIGURES if part != "modelserver"]

if __name__ == "__main__":
    os.environ.setdefault("TEST_DATABASE", "postgresql")
    parser = argparse.ArgumentParser(prog="make bench")
    parser.add_argument("what", nargs="*", choices=list(FIGURES), default=EVERYTHING)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    options = parser.parse_args()
    sys.stdout.write(f"on {os.environ['TEST_DATABASE']}, {os.cpu_count()} cores, ")
    sys.stdout.write(f"median of {options.rounds}\n")
    sys.stdout.write(f"{'':36}{'now':>9}{'earlier':>10}{'prototype':>11}\n")
    for part in options.what:
        FIGURES[part](options.rounds)
