"""``manage.py route_simulate``: where stored work would go under other settings."""

from __future__ import annotations

from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from audit.models import Audit
from routing.policy import Standing, Wish, choose_targets
from screening.models import Job
from tests.browser.rows import OLD_ROUTE
from tests.screening.making import make_job

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("redis")]

EDGE = Standing(name="edge", location="edge", p95_ms=4200.0)
WARD = Standing(name="ward-1", location="edge-ward", p95_ms=900.0)
CLOUD = Standing(name="cloud", location="cloud", p95_ms=800.0)
ALL = (EDGE, WARD, CLOUD)


def simulate(*args: str) -> list[str]:
    out = StringIO()
    call_command("route_simulate", *args, stdout=out)
    return out.getvalue().splitlines()


def decided(*standings: Standing, times: int = 1, top: int = 3, **wish: Any) -> Job:
    """Store a job on which so many such decisions were made."""
    decision = choose_targets(standings, Wish(**wish), top=top).explain()
    job = make_job()
    job.route = [{"attempt": n, **decision, "tries": []} for n in range(1, times + 1)]
    job.save()
    return job


def moves(lines: list[str]) -> dict[str, tuple[int, str]]:
    """Return the table: what changed, how often, and its share."""
    start = next(n for n, line in enumerate(lines) if line.startswith("First choice"))
    rows = [line.rsplit(maxsplit=2) for line in lines[start + 1 :]]
    end = next(n for n, row in enumerate(rows) if row[0] == "unchanged")
    return {words: (int(number), share) for words, number, share in rows[: end + 1]}


def test_without_any_change_every_decision_is_the_same():
    decided(*ALL, times=2)

    lines = simulate()

    assert lines[0] == (
        "2 decisions of 1 jobs of the last 7 days; 0 more were kept without inputs "
        "that can be used."
    )
    assert moves(lines) == {"unchanged": (2, "100.0%")}
    assert "Of those unchanged, 0 have other targets after the first." in lines


@pytest.mark.parametrize(
    ("args", "move"),
    [
        (["--without", "ward-1"], "ward-1 -> edge"),
        (["--p95", "ward-1=9000"], "ward-1 -> edge"),
        (["--p95", "edge=100", "--p95", "cloud=100"], "ward-1 -> edge"),
        (["--prefer", "cloud"], "ward-1 -> cloud"),
        (["--location", "cloud=edge-2"], "ward-1 -> cloud"),
    ],
)
def test_each_change_moves_the_first_choice(args, move):
    decided(*ALL, consent=True, times=3)
    decided(EDGE)

    assert moves(simulate(*args)) == {move: (3, "75.0%"), "unchanged": (1, "25.0%")}


def test_several_targets_can_be_left_out():
    decided(*ALL)

    lines = simulate("--without", "ward-1", "--without", "edge")

    assert list(moves(lines)) == ["ward-1 -> cloud", "unchanged"]


def test_the_changes_are_listed_the_most_frequent_first():
    decided(WARD, EDGE)
    decided(WARD, CLOUD, times=4)

    found = moves(simulate("--without", "ward-1"))

    assert list(found.items()) == [
        ("ward-1 -> cloud", (4, "80.0%")),
        ("ward-1 -> edge", (1, "20.0%")),
        ("unchanged", (0, "0.0%")),
    ]


def test_what_demands_a_place_still_does():
    decided(*ALL, preferred="edge", strict=True)
    decided(*ALL, preferred="edge")

    found = moves(simulate("--prefer", "cloud"))

    assert found == {"ward-1 -> cloud": (1, "50.0%"), "unchanged": (1, "50.0%")}


def test_fewer_targets_to_try_change_what_comes_after_the_first():
    decided(*ALL)
    decided(EDGE)

    lines = simulate("--top", "1")

    assert moves(lines) == {"unchanged": (2, "100.0%")}
    assert "Of those unchanged, 1 have other targets after the first." in lines


def test_what_would_go_nowhere_is_counted_with_the_reason():
    decided(EDGE, CLOUD, cloud_allowed=False, times=2)
    decided(EDGE)
    decided(CLOUD, cloud_allowed=False)

    lines = simulate("--without", "edge")

    assert moves(lines) == {"edge -> nobody": (3, "75.0%"), "unchanged": (1, "25.0%")}
    at = lines.index("No target at all: 4; it was 1.")
    assert lines[at + 1].startswith("  3  NO_TARGET_ALLOWED: The submission's consent")
    assert lines[at + 2].startswith("  1  NO_MODEL_ENDPOINTS: No model endpoints")


def test_a_target_that_takes_up_work_which_had_none_is_seen():
    decided(CLOUD, cloud_allowed=False)

    found = moves(simulate("--location", "cloud=edge-2"))

    assert found == {"nobody -> cloud": (1, "100.0%"), "unchanged": (0, "0.0%")}


def test_entries_without_inputs_are_counted_apart():
    decided(*ALL)
    job = make_job()
    job.route = [*OLD_ROUTE, {"attempt": 2, "tries": []}]
    job.save()
    later = decided(*ALL)
    later.route[0]["targets"][0]["mood"] = "good"
    later.save()

    first = simulate()[0]

    assert first.startswith("1 decisions of 3 jobs")
    assert "; 3 more were kept without inputs" in first


def test_with_nothing_to_go_by_there_is_no_table():
    make_job()

    assert simulate() == [
        "0 decisions of 1 jobs of the last 7 days; 0 more were kept without inputs "
        "that can be used."
    ]


def test_only_the_jobs_of_those_days_count_and_the_newest_first():
    old, new = decided(EDGE), decided(*ALL)
    week_ago = timezone.now() - timedelta(days=7, minutes=1)
    Job.objects.filter(pk=old.pk).update(created_at=week_ago)

    assert simulate()[0].startswith("1 decisions of 1 jobs of the last 7 days")
    assert simulate("--days", "8")[0].startswith("2 decisions of 2 jobs")
    shown = simulate(
        "--days", "8", "--limit", "1", "--without", "ward-1", "--show", "1"
    )
    assert f"  job {new.pk}" in shown


def test_a_name_that_no_decision_knows_is_told():
    decided(*ALL)

    lines = simulate("--without", "nobodys-1", "--p95", "edge=5")

    assert lines[1] == "None of them knows nobodys-1."
    assert not any("knows edge" in line for line in lines)


def test_jobs_and_cases_are_named_only_on_request_and_jobs_alone():
    jobs = [decided(*ALL, times=2) for _ in range(3)]
    ids = {str(job.pk) for job in jobs}

    quiet = "\n".join(simulate("--without", "ward-1"))
    shown = simulate("--without", "ward-1", "--show", "2")

    assert not any(job_id in quiet for job_id in ids)
    assert "case-1" not in "\n".join([quiet, *shown])
    named = [line.removeprefix("  job ") for line in shown if line.startswith("  job ")]
    assert len(named) == len(set(named)) == 2
    assert set(named) <= ids


@pytest.mark.parametrize(
    ("given", "rule"),
    [
        ("--days=0", "--days must be a whole number from 1 to 366"),
        ("--days=a week", "--days must be a whole number"),
        ("--days=1.5", "--days must be a whole number"),
        ("--days=\u0661", "--days must be a whole number"),
        ("--limit=-1", "--limit must be a whole number from 1 to"),
        ("--limit=" + "9" * 400, "--limit must be a whole number"),
        ("--show=101", "--show must be a whole number from 0 to 100"),
        ("--top=0", "--top must be a whole number from 1 to 100"),
        ("--prefer=moon", "--prefer must be one of edge, cloud, auto"),
        ("--without=", "--without must name a target"),
        ("--p95=edge", "--p95 must be NAME=MS: MS is a number above 0"),
        ("--p95=edge=fast", "--p95 must be NAME=MS"),
        ("--p95=edge=nan", "--p95 must be NAME=MS"),
        ("--p95=edge=-1", "--p95 must be NAME=MS"),
        ("--p95=edge=1e99", "--p95 must be NAME=MS"),
        ("--p95==5", "--p95 must be NAME=MS: the name is missing"),
        (
            ["--location", "edge=moon"],
            "--location must be NAME=PLACE: PLACE is edge or",
        ),
        ("--location=edge", "--location must be NAME=PLACE"),
    ],
)
def test_an_option_that_cannot_be_used_is_named_with_its_rule(given, rule):
    with pytest.raises(CommandError) as refused:
        simulate(given)

    assert str(refused.value).startswith(rule)


def test_who_has_ways_decided_anew_is_recorded_before_anything_is_said():
    decided(*ALL)

    simulate("--days", "3", "--show", "1")

    [looked] = Audit.objects.filter(action="list.read")
    assert looked.actor == "system:route_simulate"
    assert looked.detail == {
        "command": "route_simulate",
        "count": 1,
        "days": 3,
    }


def test_nothing_is_changed_and_only_what_is_needed_is_read():
    decided(*ALL)
    before, events = list(Job.objects.values()), Audit.objects.count()

    with CaptureQueriesContext(connection) as captured:
        simulate("--without", "edge", "--top", "1")

    assert list(Job.objects.values()) == before
    read = [query["sql"] for query in captured if "screening_job" in query["sql"]]
    assert len(read) == 1
    assert "payload" not in read[0]
    assert "result" not in read[0]
    writing = ("INSERT", "UPDATE", "DELETE", "WITH", "SELECT audit_record(")
    written = [q["sql"] for q in captured if q["sql"].lstrip().startswith(writing)]
    assert written
    names = ("audit_audit", "audit_record(")
    assert all(any(name in sql for name in names) for sql in written), written
    assert Audit.objects.count() == events + 1
