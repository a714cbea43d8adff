"""The auditor's pages on a case, on a person and on a week."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from audit.actions import Action
from audit.context import Surroundings, surroundings
from audit.models import Audit
from audit.services import Event, id_before, record
from screening.admin.trail_rows import case_url, person_url
from screening.models import Case, Clinic
from screening.services import trail, weekly
from screening.services.review import ask_for_second_read, claim_review
from screening.services.trail import looked_at, who_looked
from screening.services.weekly import Week, begin_of_week, weeks_of
from tests.plans import leave_only
from tests.screening.desk import review_of
from tests.site.clinics import case_of, desk_of, make_clinic, make_person

pytestmark = pytest.mark.django_db
EVERYTHING = ("", "looked", "done", "refused")


@pytest.fixture
def here(redis: Any) -> Clinic:
    return make_clinic("here")


@pytest.fixture
def auditor(here: Clinic) -> User:
    return make_person("auditor", here)


def happen(*actions: Action, address: str = "", role: str = "", **values: Any) -> None:
    """Record that somebody did something, from an address and in a role."""
    around = Surroundings(service="desk", address=address, role=lambda: role)
    token = surroundings.set(around)
    try:
        given = {"actor": "user:77", "clinic": "here", "case_id": "case-9", **values}
        record([Event(action=action, **given) for action in actions])
    finally:
        surroundings.reset(token)


def queries_of(client: Any, url: str) -> int:
    client.get("/admin/")
    client.get(url)
    with CaptureQueriesContext(connection) as captured:
        assert client.get(url).status_code == 200
    return len(captured)


# --- A case ---------------------------------------------------------------------------


def test_a_case_shows_each_of_its_events_in_words_newest_first(here, auditor):
    happen(Action.JOB_SUBMITTED, actor="key:none")
    happen(Action.RECORD_OPENED, address="192.0.2.7", role="auditor")

    page = desk_of(auditor).get(case_url("here", "case-9"))

    [day] = page.context["days"]
    assert [row.words for row in day.rows] == ["Record opened in the desk", "Submitted"]
    assert (day.rows[0].who, day.rows[0].address) == ("person 77", "192.0.2.7")
    assert "auditor, 192.0.2.7" in page.text


@pytest.mark.parametrize("kind", EVERYTHING)
def test_a_case_is_narrowed_to_who_looked_what_was_done_and_what_was_refused(
    here, auditor, kind
):
    looked, done, refused = (
        Action.RECORD_OPENED,
        Action.REVIEW_SIGNED,
        Action.ACCESS_DENIED,
    )
    happen(looked, done, refused)
    wanted = {"looked": {looked}, "done": {done}, "refused": {refused}}

    found = trail.trail_of_case(auditor, clinic="here", case_id="case-9", kind=kind)

    assert {event.action for event in found} == wanted.get(
        kind, {looked, done, refused}
    )


def test_who_looked_is_told_with_how_often_when_and_from_where(here, auditor):
    person = make_person("reviewer", here, name="dr-look")
    actor = f"user:{person.pk}"
    happen(Action.RECORD_OPENED, address="192.0.2.1", role="reviewer", actor=actor)
    happen(Action.REPORT_READ, actor="key:aaaa")
    happen(
        Action.RECORD_OPENED, Action.EVIDENCE_EXPORTED, address="192.0.2.2", actor=actor
    )
    happen(Action.REVIEW_SAVED, actor="user:78")
    happen(Action.RECORD_OPENED, case_id="case-8", actor="user:79")

    first, second = who_looked(auditor, clinic="here", case_id="case-9")
    page = desk_of(auditor).get(case_url("here", "case-9", kind="looked"))

    assert (first.of, first.opened, first.read, first.taken) == (actor, 2, 0, 1)
    assert first.address == "192.0.2.2"
    assert first.first <= first.last
    assert (second.of, second.read) == ("key:aaaa", 1)
    assert "dr-look" in page.text
    assert "last from 192.0.2.2" in page.text


def test_looks_beyond_what_is_counted_are_said_to_be_there(here, auditor, monkeypatch):
    monkeypatch.setattr(trail, "MOST_COUNTED", 3)
    desk, url = desk_of(auditor), case_url("here", "case-9", kind="looked")
    happen(*[Action.RECORD_READ] * 2, actor="key:aaaa")
    assert "there are older ones" not in desk.get(url).text
    happen(*[Action.RECORD_READ] * 2, actor="key:aaaa")

    looks = who_looked(auditor, clinic="here", case_id="case-9")

    assert sum(each.opened + each.read for each in looks) == 3
    assert "there are older ones" in desk.get(url).text


@pytest.mark.parametrize("kind", EVERYTHING)
def test_who_reads_the_trail_of_a_case_is_in_it(here, auditor, kind):
    happen(Action.REVIEW_SAVED)

    desk_of(auditor).get(case_url("here", "case-9", kind=kind))

    seen = Audit.objects.filter(actor=f"user:{auditor.pk}", case_id="case-9")
    assert [event.detail["page"] for event in seen] == ["audit_case"]


def test_a_case_that_there_is_not_is_not_kept(here, auditor):
    page = desk_of(auditor).get(case_url("here", "zq-never-there"))

    assert "No events fit" in page.text
    assert not Audit.objects.filter(canonical__contains="zq-never-there").exists()


@pytest.mark.parametrize("clinic", ["there", "", "nowhere"])
def test_another_clinics_case_has_no_events(here, auditor, clinic):
    Clinic.objects.create(slug="there", name="There")
    happen(Action.RECORD_OPENED, clinic="there", case_id="case-there")

    page = desk_of(auditor).get(case_url(clinic, "case-there"))

    assert page.context["number"] == 0


def test_a_second_reader_sees_no_trail_of_the_case_until_the_own_view(here):
    first, second = (make_person("reviewer", here, name=n) for n in ("one", "two"))
    review = review_of("case-blind", clinic=here)
    claim_review(review, user=first)
    ask_for_second_read(review, user=first, version=1)

    def sees(user: User) -> bool:
        page = desk_of(user).get(case_url("here", "case-blind")).text
        return "Second read asked for" in page

    assert sees(first)
    assert not sees(second)


def test_two_hundred_events_are_a_page_and_the_older_ones_another(
    here, auditor, monkeypatch
):
    monkeypatch.setattr(trail, "MOST", 3)
    monkeypatch.setattr("screening.admin.trail_pages.MOST", 3)
    for n in range(5):
        happen(Action.RECORD_READ, actor=f"key:{n}")
    desk = desk_of(auditor)

    page = desk.get(case_url("here", "case-9"))
    older = desk.get(page.context["older"])

    whos = [
        row.who
        for each in (page, older)
        for day in each.context["days"]
        for row in day.rows
    ]
    assert whos == ["key 4", "key 3", "key 2", "key 1", "key 0"]
    assert not older.context["older"]


@pytest.mark.parametrize("before", ["x", "-1", "9" * 40, "٣", "9" * 19])
def test_a_place_to_go_on_from_that_is_none_is_passed_over(here, auditor, before):
    url = case_url("here", case_of(here, "open"), before=before)

    assert desk_of(auditor).get(url).status_code == 200


def test_the_pages_of_a_case_and_the_list_of_events_lead_to_the_trail(here, auditor):
    case = Case.objects.get(clinic=here, case_id=case_of(here, "signed"))
    wanted = case_url("here", case.case_id).replace("&", "&amp;")
    event = Audit.objects.filter(case_id=case.case_id).first()
    desk = desk_of(auditor)

    for url in (
        reverse("admin:screening_case_change", args=[case.pk]),
        reverse("admin:audit_audit_changelist"),
        reverse("admin:audit_audit_change", args=[event.pk]),
    ):
        assert f'href="{wanted}"' in desk.get(url).text


# --- A person -------------------------------------------------------------------------


def test_a_person_shows_what_they_did_day_by_day_and_which_cases_they_looked_at(
    here, auditor
):
    person = make_person("reviewer", here, name="dr-look")
    actor = f"user:{person.pk}"
    happen(Action.RECORD_OPENED, Action.REPORT_READ, actor=actor)
    happen(Action.RECORD_OPENED, actor=actor, case_id="case-8")
    happen(Action.RECORD_OPENED, actor=actor, clinic="there", case_id="case-7")
    desk = desk_of(auditor)

    found = looked_at(auditor, actor=actor)
    page = desk.get(person_url(actor, kind="looked"))
    by_number = desk.get(reverse("admin:audit_person") + f"?actor={person.pk}")

    assert [(each.of, each.opened, each.read) for each in found] == [
        ("case-8", 1, 0),
        ("case-9", 1, 1),
    ]
    assert "Audit of dr-look" in page.text
    assert "case-7" not in page.text
    assert by_number.context["number"] == 3


def test_a_person_of_another_clinic_has_no_name(here, auditor):
    Clinic.objects.create(slug="there", name="There")
    other = make_person("reviewer", Clinic.objects.get(slug="there"), name="dr-far")
    happen(Action.RECORD_OPENED, actor=f"user:{other.pk}")

    for url in (person_url(f"user:{other.pk}"), case_url("here", "case-9")):
        page = desk_of(auditor).get(url).text
        assert "dr-far" not in page
        assert f"person {other.pk}" in page


def test_a_key_is_named_by_its_clinics_people(here, auditor):
    key = here.keys.get()
    happen(Action.RECORD_READ, actor=f"key:{key.prefix}")

    page = desk_of(auditor).get(case_url("here", "case-9"))

    assert page.context["days"][0].rows[0].who == f"key key-here ({key.prefix})"


# --- The week -------------------------------------------------------------------------


def of_week(user: User, actor: str) -> Week:
    return next(week for week in weeks_of(user) if week.actor == actor)


def test_the_week_counts_what_each_person_of_the_clinics_did(here, auditor):
    person = make_person("reviewer", here, name="dr-look")
    other = make_person("reviewer", name="dr-far")
    actor = f"user:{person.pk}"
    happen(Action.RECORD_OPENED, Action.REPORT_READ, Action.ACCESS_DENIED, actor=actor)
    happen(Action.LIST_EXPORTED, Action.LOGIN_FAILED, actor=actor, clinic="")
    happen(Action.LOGIN_FAILED, actor="user:unknown", clinic="", case_id="")

    week = of_week(auditor, actor)

    counts = (week.opened, week.exported, week.refused, week.log_ins, week.events)
    assert counts == (2, 1, 1, 1, 5)
    assert of_week(auditor, "user:unknown").log_ins == 1
    assert f"user:{other.pk}" not in {each.actor for each in weeks_of(auditor)}
    assert "Log-ins refused" in desk_of(auditor).get(reverse("admin:audit_week")).text


def test_who_sees_no_log_ins_is_told_so_and_shown_none(here):
    reviewer = make_person("reviewer", here)
    happen(Action.LOGIN_FAILED, actor=f"user:{reviewer.pk}", clinic="", case_id="")

    page = desk_of(reviewer).get(reverse("admin:audit_week")).text

    assert "Log-ins refused" not in page
    assert "are for auditors" in page
    assert of_week(reviewer, f"user:{reviewer.pk}").log_ins == 0


def test_what_is_older_than_the_week_is_not_counted(here, auditor, monkeypatch):
    happen(Action.RECORD_OPENED, actor=f"user:{auditor.pk}")
    tomorrow = timezone.now() + timedelta(days=1)
    monkeypatch.setattr(weekly, "begin_of_week", lambda: tomorrow)

    assert of_week(auditor, f"user:{auditor.pk}").events == 0


@pytest.mark.parametrize(("hours", "share"), [((0, 24), 0), ((24, 24), 100)])
def test_the_share_out_of_hours_is_of_all_that_somebody_did(
    here, auditor, monkeypatch, hours, share
):
    from django.db.models import Q

    happen(Action.RECORD_OPENED, Action.REVIEW_SAVED, actor=f"user:{auditor.pk}")
    late = Q(hour__lt=hours[0]) | Q(hour__gte=hours[1])
    monkeypatch.setitem(weekly.COUNTED, "late", late)

    assert of_week(auditor, f"user:{auditor.pk}").late_share == share


def test_no_event_since_a_moment_is_below_the_id_that_is_found(monkeypatch):
    monkeypatch.setattr("audit.services.MOST_AT_ONCE", 0)
    happen(*[Action.RECORD_READ] * 40)
    ids = list(Audit.objects.order_by("pk").values_list("pk", flat=True))
    try:
        assert id_before.__wrapped__(begin_of_week()) < ids[0]
        assert id_before.__wrapped__(timezone.now() + timedelta(days=1)) >= ids[-1] - 1
    finally:
        id_before.cache_clear()


# --- All of them ----------------------------------------------------------------------


@pytest.mark.parametrize("name", ["audit_case", "audit_person", "audit_week"])
def test_a_page_takes_as_many_queries_for_fifty_events_as_for_one(here, auditor, name):
    query = {
        "audit_case": "?clinic=here&case_id=case-9&kind=looked",
        "audit_person": "?actor=user:77&kind=looked",
    }
    url = reverse(f"admin:{name}") + query.get(name, "")
    desk = desk_of(auditor)
    happen(Action.RECORD_OPENED)
    happen(Action.RECORD_READ, actor="key:aaaa")
    few = queries_of(desk, url)
    for n in range(49):
        happen(Action.RECORD_OPENED, actor=f"user:{n}")
        happen(Action.RECORD_OPENED, case_id=f"case-{n}")
    many = queries_of(desk, url)

    assert many == few
    assert many <= 8


def test_the_text_of_an_event_has_the_role_and_the_address(here):
    happen(Action.RECORD_OPENED, address="192.0.2.9", role="auditor")
    text = Audit.objects.get(case_id="case-9").canonical

    assert json.loads(text)["network"] == trail.address_in(text) == "192.0.2.9"
    assert trail.role_in(text) == "auditor"


@pytest.mark.parametrize(
    ("index", "wanted"),
    [
        ("audit_by_case", {"clinic": "here", "case_id": "case-9"}),
        ("audit_by_actor", {"actor": "user:77"}),
    ],
)
def test_a_trail_is_read_by_an_index_in_its_order(here, auditor, index, wanted):
    if connection.vendor != "postgresql":
        pytest.skip("the plan is PostgreSQL's")
    leave_only("audit_audit", index)

    events = trail.events_seen_by(auditor, Audit.objects.filter(**wanted))
    plan = trail._page(events, "", 10**6).explain()

    assert f"using {index}" in plan
    assert "Sort" not in plan.partition("SubPlan")[0]
