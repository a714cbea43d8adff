"""``manage.py route_explain JOB``: why a job went where it went."""

from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Iterator, Mapping
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError

from routing.policy import POLICY_VERSION, replay
from screening.models import Job
from screening.services.reading import note_explained

ACTOR = "system:route_explain"
Kept = Mapping[str, Any]
TERMS = ("capabilities", "triage", "slowness", "privacy")


class Command(BaseCommand):
    """Reads what was kept with each attempt, and decides once more by the same."""

    help = "Say for each attempt of a job which targets were considered, and why."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the options."""
        parser.add_argument("job", help="the job's id")

    def handle(self, *, job: str, **options: Any) -> None:
        """Print the decisions and tries, attempt by attempt.

        Raises:
            CommandError: there is no such job.
        """
        try:
            found = (
                Job.objects.select_related("clinic", "case")
                .only("status", "target", "route", "clinic__slug", "case__case_id")
                .get(pk=UUID(job))
            )
        except (ValueError, Job.DoesNotExist):
            raise CommandError("There is no such job.") from None
        note_explained(found, actor=ACTOR)
        if not found.route:
            self.stdout.write("No model server has been asked yet.")
        for attempt in found.route:
            version = attempt.get("policy_version", "none applied")
            self.stdout.write(f"Attempt {attempt['attempt']}, policy {version}")
            for line in (*considered(attempt), *tried(attempt), *replayed(attempt)):
                self.stdout.write(f"  {line}")
        self.stdout.write(
            f"Now {found.status}, answered by {found.target or 'nobody'}."
        )


def considered(kept: Kept) -> Iterator[str]:
    """Name the targets, those that it may go to in order, then those left out."""
    known = {each["name"]: each for each in kept.get("targets", [])}
    for each in kept.get("candidates", []):
        yield f"may go to {each['target']}: {each['reason']}{score_of(each)}"
        yield from seen(known.get(each["target"]))
    for each in kept.get("excluded", []):
        yield f"not to {each['target']}: {each['reason']}"
        yield from seen(known.get(each["target"]))


def score_of(candidate: Kept) -> str:
    """Give the score with its terms, where they were kept."""
    if "score" not in candidate:
        return ""
    terms = candidate.get("terms", {})
    # PostgreSQL keeps the names of a JSON object in an order of its own.
    in_order = sorted(terms, key=lambda name: TERMS.index(name) if name in TERMS else 4)
    words = ", ".join(
        f"{name} {'x' if name == 'triage' else ''}{terms[name]:.2f}"
        for name in in_order
    )
    return f", score {candidate['score']:.3f} ({words})"


def seen(standing: Kept | None) -> Iterator[str]:
    """Say how a target stood when the decision was made, where that was kept."""
    if standing is None:
        return
    states = [standing.get("unfit", "")]
    if standing.get("ill"):
        states.append("its health check failed")
    if standing.get("resting"):
        states.append(f"to rest {standing['resting']:.0f} s more")
    state = ", ".join(filter(None, states)) or "ready"
    yield (
        f"  {standing['location']}, p95 {standing['p95_ms']:.0f} ms, "
        f"load {standing.get('load', 0):.0%}, {state}"
    )


def tried(kept: Kept) -> Iterator[str]:
    """Say how each target that was asked answered."""
    for each in kept["tries"]:
        yield f"{each['target']}: {each['outcome']}, {each['milliseconds']} ms"


def replayed(kept: Kept) -> Iterator[str]:
    """Decide once more by what was kept, and say what is different."""
    try:
        again = replay(kept).explain()
    except KeyError:
        yield "not replayed: it was kept without its inputs"
        return
    except TypeError:
        yield "not replayed: its inputs are those of another policy"
        return
    before, now = places(kept), places(again)
    if before == now:
        yield "replayed: the same decision"
        return
    yield f"replayed: policy {POLICY_VERSION} decides otherwise"
    for name in before | now:
        was, would = before.get(name, "not considered"), now.get(name, "not considered")
        if was != would:
            yield f"  {name} was {was}; now {would}"


def places(explained: Kept) -> dict[str, str]:
    """Say of each target what was decided, in words that can be compared."""
    found = {
        each["target"]: f"number {place}, {each['reason']}{score_of(each)}"
        for place, each in enumerate(explained["candidates"], 1)
    }
    return found | {
        each["target"]: f"left out, {each['reason']}" for each in explained["excluded"]
    }
