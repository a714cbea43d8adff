"""What a role must not read, whichever page it opens: every page, byte by byte."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.auth.models import User
from django.test import Client

from audit.actions import Action
from audit.models import Audit
from audit.services import Event, record
from routing.models import TargetHealth, Task
from screening.models import Clinic, Job, Review
from screening.services.escalation import escalate_overdue
from screening.services.review import (
    ask_for_second_read,
    claim_review,
    send_second_read,
)
from tests.routing.making import make_agent
from tests.site.clinics import (
    CASE,
    DRAFT,
    PAYLOAD,
    WORD,
    case_of,
    desk_of,
    make_clinic,
    make_person,
)
from tests.site.pages import addresses
from tests.site.test_roles import POSTED, ROLES, is_shut

pytestmark = pytest.mark.django_db
OF_CLINICS = {
    "screening.clinic",
    "auth.user",
    "routing.agent",
    "routing.targethealth",
    "screening.case",
    "screening.job",
    "screening.review",
    "screening.apikey",
    "screening.webhookendpoint",
    "screening.webhookdelivery",
    "routing.task",
    "consent.consent",
    "audit.audit",
}
"""Whose rows belong to a clinic."""

NAMES = ("Clinic here", "doctor-here", "agent-here", "key-here", "consent-here")
"""What a clinic's pages name of it, of its people and of what works for it."""

RISK = 'class="risk'
UNREADABLE = ("_delete", "_pdf")
"""Pages of which there are none, and files in which no byte is to be read."""

QUERIES = {
    "agreement_missed": ["?draft=monitor", "?draft=discuss"],
    "work": ["?state=queued", "?state=running"],
    "index": ["?view=signed", "?view=overdue"],
}


@pytest.fixture
def here(redis: Any) -> Clinic:
    found = make_clinic("here")
    make_agent("agent-here", clinic="here")
    TargetHealth.objects.create(name="agent-here")
    escalate_overdue(actor="worker:w1")
    return found


def every_row() -> dict[str, list[Any]]:
    """Return the rows that there are of each model, and a few events."""
    return {
        model._meta.label_lower: list(
            model._default_manager.order_by("pk").values_list("pk", flat=True)[
                : 4 if model is Audit else None
            ]
        )
        for model in admin.site._registry
    }


def read(client: Client) -> Iterator[tuple[str, bytes]]:
    """Open every page for every row that there is, and send what only looks."""
    for page, url in addresses(every_row()):
        if page.name in POSTED or page.name.endswith(UNREADABLE):
            continue
        for query in ("", *QUERIES.get(page.name, [])):
            yield url + query, body(client.get(url + query))
    jobs = " ".join(f"job-{job.pk.hex}" for job in Job.objects.all())
    tasks = [str(task.pk) for task in Task.objects.all()]
    chosen = f"{jobs} {' '.join(f'task-{pk}' for pk in tasks)}"
    yield "dry run", body(client.post("/admin/work/replay/", {"chosen": chosen}))
    for action, url, rows in (
        ("replay_chosen", "/admin/routing/task/", tasks),
        ("retry_selected", "/admin/screening/job/", jobs.replace("job-", "").split()),
    ):
        form = {"action": action, "index": "0", "_selected_action": rows}
        yield action, body(client.post(url, form, follow=True))


def body(response: Any) -> bytes:
    return b"".join(response) if response.streaming else response.content


def read_by(client: Client, *signs: str) -> set[str]:
    """Return which of the pages say something that begins like one of these."""
    wanted = [sign.encode() for sign in signs]
    pages = read(client)
    return {where for where, said in pages if any(each in said for each in wanted)}


def test_a_reviewer_reads_a_childs_words_so_that_they_would_be_found(here):
    client = desk_of(make_person("reviewer", here))
    review = Review.objects.get(state="REQUIRES_REVIEW", clinic=here)

    for kind, pk in (("review", review.pk), ("job", review.job_id)):
        page = client.get(f"/admin/screening/{kind}/{pk}/change/").text
        assert PAYLOAD["observations"] in page
        assert DRAFT["summary"][0] in page
        assert RISK in page


@pytest.mark.parametrize("role", ["operator", "admin"])
def test_who_runs_or_manages_it_reads_none_of_a_childs_words_and_no_risk(here, role):
    client = desk_of(make_person(role, here))

    assert read_by(client, WORD, RISK) == set()
    for query in ("?risk__exact=refer", "?risk=refer", "?model_risk=refer"):
        answer = client.get(f"/admin/screening/job/{query}")
        assert answer.status_code in {302, 400, 403}, query


def test_an_operator_and_a_reviewer_in_one_person_reads_them(here):
    both = make_person("operator", here)
    both.groups.add(make_person("reviewer").groups.get())
    task = Task.objects.get(status="DONE")

    page = desk_of(both).get(f"/admin/routing/task/{task.pk}/change/")

    assert WORD in page.text


def test_an_auditor_reads_signed_reports_and_no_other_words(here):
    client = desk_of(make_person("auditor", here))
    signed = Review.objects.get(state="DELIVERED", clinic=here)
    waiting = Review.objects.get(state="REQUIRES_REVIEW", clinic=here)

    found = read_by(client, WORD)

    page = f"/admin/screening/review/{signed.pk}/"
    assert f"{page}change/" in found
    assert all(where.startswith(page) for where in found), found
    assert is_shut(client.get(f"/admin/screening/review/{waiting.pk}/change/"))
    assert case_of(here, "open") not in client.get("/admin/").text


@pytest.mark.parametrize("role", ROLES)
def test_nothing_of_another_clinic_is_seen(here, role):
    rows = every_row()
    other = Clinic.objects.create(slug="there", name="Clinic there")
    client = desk_of(make_person(role, other))
    opened = []
    for page, url in addresses(rows):
        label = page.model._meta.label_lower if page.model else ""
        own_rows = label in OF_CLINICS
        of_review = page.name.startswith("screening_review_")
        if "object_id" not in page.pattern or not (own_rows or of_review):
            continue
        if page.model and page.model._meta.model_name == "audit":
            continue
        answers = [client.get(url), client.post(url, {"_claim": "1"})]
        if not all(is_shut(each) or each.status_code == 405 for each in answers):
            opened.append(url)

    assert opened == []
    assert read_by(client, CASE, WORD, *NAMES) == set()


def test_each_of_the_names_is_read_by_somebody_of_the_clinic(here):
    people = [make_person(role, here) for role in ("operator", "admin", "auditor")]

    for name in NAMES:
        assert any(read_by(desk_of(user), name) for user in people), name


@pytest.mark.parametrize(
    ("role", "sees"),
    [("reviewer", False), ("supervisor", False), ("operator", True), ("auditor", True)],
)
def test_events_of_no_clinic_are_for_who_has_the_right(here, role, sees):
    client = desk_of(make_person(role, here))

    record([Event(action=Action.AGENT_CALLED, actor="user:1")])

    events = "/admin/audit/audit/?action__exact="
    page = client.get(f"{events}{Action.AGENT_CALLED}").text
    mine = client.get(f"{events}{Action.REVIEW_SIGNED}").text

    assert ("1 audit event" in page) is sees
    assert "1 audit event" in mine


def test_a_second_reader_sees_no_event_of_the_case_until_the_own_view_is_given(here):
    first, second = (make_person("reviewer", here, name=n) for n in ("one", "two"))
    review = Review.objects.get(state="REQUIRES_REVIEW", clinic=here)
    claim_review(review, user=first)
    ask_for_second_read(review, user=first, version=review.version)

    def number(user: User) -> int:
        page = desk_of(user).get(f"/admin/audit/audit/?q={review.job_id}")
        return page.context["cl"].result_count

    assert number(first) > 0
    assert number(second) == 0
    send_second_read(review, user=second, risk="monitor", why="Few words.")
    assert number(second) > 1


def test_a_consent_is_recorded_for_a_clinic_of_ones_own(here):
    other = Clinic.objects.create(slug="there", name="Clinic there")
    client = desk_of(make_person("supervisor", other))
    form = {
        "clinic": "here",
        "case_id": "case-1",
        "consent_id": "consent-zq",
        "scopes": ["screening"],
        "given_by": "parent",
    }

    refused = client.post("/admin/consent/consent/add/", form)
    taken = client.post("/admin/consent/consent/add/", form | {"clinic": "there"})

    assert "Select a valid choice" in refused.text
    assert taken.status_code == 302


def test_an_endpoint_is_added_to_a_clinic_of_ones_own(here):
    other = Clinic.objects.create(slug="there", name="Clinic there")
    client = desk_of(make_person("operator", other))
    form = {
        "clinic": str(here.pk),
        "url": "https://zq.example.org/hook",
        "events": ["job.completed"],
    }

    refused = client.post("/admin/screening/webhookendpoint/add/", form)

    assert "Select a valid choice" in refused.text
