"""``make demo``: the main job on parts of its own, from a bare checkout.

prepare    a database, a secret, keys and an admin user, kept in var/demo
start      Valkey, model server, worker and API, each a process
submit     a dozen invented cases, one of them malformed
watch      until each has its draft
show       what came of them, and where to look
stop       everything, on Ctrl-C, when what is in flight is done
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import time
from collections.abc import Callable

from pediscreen_site.demo.cases import demo_cases
from pediscreen_site.demo.client import Submitted
from pediscreen_site.demo.parts import FOLDER, ROOT, DemoFailed, DemoParts, running
from pediscreen_site.embedded import NoServer

PATIENCE_SECONDS = 60
RISKS = {
    "on_track": "On track",
    "monitor": "Monitor",
    "discuss": "Discuss",
    "refer": "Refer",
    "unclassified": "No usable answer",
}
COLUMNS = "{:<10} {:<7} {:<45} {:<8} {:<17} {:>5}"


def say(text: str = "", end: str = "\n") -> None:
    """Print at once, whoever reads it."""
    sys.stdout.write(f"{text}{end}")
    sys.stdout.flush()


def watch(parts: DemoParts, accepted: list[Submitted]) -> None:
    """Wait for every job to end, and show how far they are.

    Raises:
        DemoFailed: a part has died, or a job takes too long.
    """
    for done, submitted in enumerate(accepted):
        if sys.stdout.isatty():
            say(f"\r  {done} of {len(accepted)} drafts written ", end="")
        until = time.monotonic() + PATIENCE_SECONDS
        while not parts.client.hold(submitted):
            parts.check_alive()
            say(f"  waiting for the model server at {parts.env['EDGE_MODEL_URL']} …")
            if time.monotonic() > until:
                raise DemoFailed(
                    f"A job has not ended in {PATIENCE_SECONDS} s: does the model "
                    f"server answer? The logs are in {FOLDER}."
                )
    say("\r" if sys.stdout.isatty() else "", end="")
    say(f"  {len(accepted)} of {len(accepted)} drafts written")


def show(submitted: list[Submitted]) -> None:
    """Print what came of the cases, as a table, and why some were refused."""
    say()
    say(COLUMNS.format("Case", "Age", "Story", "Status", "Listed as", "Conf."))
    say("-" * 97)
    for row in submitted:
        case = row.fields["case_id"]
        if not row.accepted:
            cells = case, "-", row.story, str(row.status), "refused", ""
        else:
            listed = RISKS.get(row.job["risk"]) or row.job["error_code"] or ""
            cells = (
                case,
                age(row),
                row.story,
                row.job["status"],
                listed,
                confidence(row),
            )
        say(COLUMNS.format(*cells).rstrip())
    if any("gestational_weeks" in row.fields for row in submitted):
        say("* born early: the checklist is chosen by corrected age")
    for row in submitted:
        if not row.accepted:
            say()
            case, code = row.fields["case_id"], row.answer["code"]
            say(f"{case} was refused: {row.status} {code}")
            for field, problems in row.answer["details"].items():
                say(f"  {field}: {' '.join(problems)}")


def age(row: Submitted) -> str:
    """Return the age as a short text."""
    months = row.fields.get("age_months")
    if months is None:
        return "-"
    return f"{months} m" + ("*" if "gestational_weeks" in row.fields else "")


def confidence(row: Submitted) -> str:
    """Return the draft's own confidence, if it has one."""
    found = (row.job["result"] or {}).get("confidence")
    return "" if found is None else f"{found:.2f}"


def where_to_look(parts: DemoParts) -> None:
    """Print the addresses and the login."""
    kept, url = parts.kept, parts.client.url
    say()
    say(f"  Review desk   {url}/admin/")
    say(f"                user      {kept['DJANGO_SUPERUSER_USERNAME']}")
    say(f"                password  {kept['DJANGO_SUPERUSER_PASSWORD']}")
    say(f"  API           {url}/api/docs")
    say(f"                x-api-key {kept['API_KEY']}")
    say(f"  Health        {url}/readyz")
    say(f"  Logs, data    {FOLDER.relative_to(ROOT)}")
    say()
    say("Everything keeps running. Ctrl-C stops it.")


def demonstrate(parts: DemoParts, *, cases: int, leave: bool) -> bool:
    """Submit, watch and show; say whether all but the malformed case got a draft."""
    begun = time.monotonic()
    say(f"Submitting {cases} invented cases …")
    submitted = [parts.client.submit(*case) for case in demo_cases(cases)]
    accepted = [row for row in submitted if row.accepted]
    watch(parts, accepted)
    show(submitted)
    done = [row for row in accepted if row.job["status"] == "DONE"]
    say()
    say(
        f"{len(done)} of {len(accepted)} accepted cases are DONE, for a clinician to "
        f"review; {len(submitted) - len(accepted)} refused. "
        f"{time.monotonic() - begun:.1f} s."
    )
    if not leave:
        where_to_look(parts)
        while True:
            parts.check_alive()
            time.sleep(1)
    return len(done) == len(accepted) == cases - 1


def number_from(least: int, most: int) -> Callable[[str], int]:
    """Return what reads a whole number within bounds."""

    def read(text: str) -> int:
        number = int(text)
        if not least <= number <= most:
            raise ValueError
        return number

    read.__name__ = f"number from {least} to {most}"
    return read


def port_of(variable: str, default: int) -> int:
    """Read a port from the environment.

    Raises:
        DemoFailed: it is none.
    """
    try:
        return number_from(1, 65_535)(os.environ.get(variable) or str(default))
    except ValueError:
        raise DemoFailed(f"{variable} must be a port, from 1 to 65535.") from None


def main() -> int:
    """Run the demonstration; return 0 if every accepted case got its draft."""
    parser = argparse.ArgumentParser(prog="make demo", description="See the main job.")
    parser.add_argument("--cases", type=number_from(1, 10_000), default=12)
    parser.add_argument("--exit", action="store_true", help="stop after the table")
    options = parser.parse_args()
    # A shell that runs us in the background has this signal ignored.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        parts = DemoParts(
            port=port_of("PORT", 9000), model_port=port_of("MODEL_SERVER_PORT", 8002)
        )
        say("Preparing the database …")
        parts.prepare()
        say("Starting Valkey, model server, worker and API …")
        with running(parts):
            complete = demonstrate(parts, cases=options.cases, leave=options.exit)
            say("Stopping: what is in flight is finished first …")
    except KeyboardInterrupt:
        complete = True
    except (DemoFailed, NoServer) as exc:
        sys.stderr.write(f"\n{exc}\n")
        return 1
    say("\nStopped. The data is kept; make demo starts again.")
    return 0 if complete else 1


if __name__ == "__main__":
    sys.exit(main())
