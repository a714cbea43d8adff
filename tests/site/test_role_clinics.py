"""Whom and what the desk shows of a clinic's own: people, clinics, agents, counts."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from audit.models import Audit
from pediscreen_site import notices
from routing.models import Agent, TargetHealth, Task
from screening.models import Case, Clinic, Job
from screening.services.sight import persons_seen_by
from tests.routing.admin_pages import AGENT_LIST, SERVER_LIST, path_of
from tests.routing.making import make_agent
from tests.site.clinics import (
    CASE,
    WORD,
    desk_of,
    make_clinic,
    make_person,
)

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("redis")]
PEOPLE = "/admin/auth/user/"
CLINICS = "/admin/screening/clinic/"
CHANGE = {"token_env": "", "clinic": ""}


@pytest.fixture
def here() -> Clinic:
    return Clinic.objects.create(slug="here", name="Clinic here")


@pytest.fixture
def there() -> Clinic:
    return Clinic.objects.create(slug="there", name="Clinic there")


def rows(client: Client, url: str) -> set[str]:
    return {str(row) for row in client.get(url).context["cl"].result_list}


def page_of(user: User) -> str:
    return f"{PEOPLE}{user.pk}/change/"


# --- People -------------------------------------------------------------------------


def test_people_are_those_of_the_own_clinics_and_who_is_in_none_yet(here, there):
    boss = make_person("admin", here)
    make_person("reviewer", here, there, name="in-both")
    make_person("reviewer", there, name="elsewhere")
    make_person("reviewer", name="placed-nowhere")
    User.objects.create_superuser("root-of-all")

    seen = rows(desk_of(boss), PEOPLE)

    assert seen == {"the-admin", "in-both", "placed-nowhere"}


def test_each_person_is_listed_once_however_many_clinics_are_shared(here, there):
    boss = make_person("admin", here, there)
    make_person("reviewer", here, there, name="in-both")

    found = persons_seen_by(boss, User.objects.order_by("username"))

    assert [user.username for user in found] == ["in-both", "the-admin"]


def test_who_is_in_no_clinic_sees_no_clinics_people(here):
    make_person("reviewer", here, name="doctor")

    assert rows(desk_of(make_person("admin")), PEOPLE) == {"the-admin"}


def test_a_superuser_sees_everybody(here, there, admin_client):
    make_person("reviewer", there, name="elsewhere")
    make_person("reviewer", name="placed-nowhere")

    seen = rows(admin_client, PEOPLE)

    assert seen == {"admin", "elsewhere", "placed-nowhere"}


@pytest.mark.parametrize("step", ["change/", "history/", "password/"])
def test_nobody_of_another_clinic_is_looked_at_or_changed(here, there, step):
    desk = desk_of(make_person("admin", here))
    other = make_person("reviewer", there, name="elsewhere")
    before = User.objects.values().get(pk=other.pk)
    url = f"{PEOPLE}{other.pk}/{step}"
    form = dict.fromkeys(("password1", "password2"), "another-invented-one-2")

    for answer in (desk.get(url), desk.post(url, form | {"username": "taken-over"})):
        assert answer.status_code in {302, 403, 404, 405}
        assert b"elsewhere" not in answer.content

    assert User.objects.values().get(pk=other.pk) == before


def test_who_adds_a_person_gets_to_the_new_persons_page(here):
    desk = desk_of(make_person("admin", here))
    form = {"username": "dr-new", "usable_password": "true"}
    form |= dict.fromkeys(("password1", "password2"), "another-invented-one-2")

    answer = desk.post(f"{PEOPLE}add/", form)

    new = User.objects.get(username="dr-new")
    assert answer.url == page_of(new)
    assert desk.get(answer.url).status_code == 200


# --- Clinics ------------------------------------------------------------------------


def clinic_form(clinic: Clinic | None = None, **given: Any) -> dict[str, Any]:
    stored = {"name": clinic.name, "slug": clinic.slug} if clinic else {}
    return {**stored, **given}


def test_clinics_are_the_own_and_the_others_are_shut(here, there):
    desk = desk_of(make_person("admin", here))
    url = f"{CLINICS}{there.pk}/change/"

    assert rows(desk, CLINICS) == {"Clinic here"}
    assert desk.get(url).status_code == 302
    desk.post(url, clinic_form(there, name="Taken over"))

    assert Clinic.objects.get(pk=there.pk).name == "Clinic there"


def test_a_member_is_chosen_among_the_people_that_one_sees(here, there):
    boss = make_person("admin", here)
    new = make_person("reviewer", name="placed-nowhere")
    other = make_person("reviewer", there, name="elsewhere")
    desk, url = desk_of(boss), f"{CLINICS}{here.pk}/change/"

    page = desk.get(url).text
    refused = desk.post(url, clinic_form(here, members=[boss.pk, other.pk]))
    taken = desk.post(url, clinic_form(here, members=[boss.pk, new.pk]))

    assert "placed-nowhere" in page
    assert "elsewhere" not in page
    assert "Select a valid choice" in refused.text
    assert taken.status_code == 302
    assert set(here.members.all()) == {boss, new}


def test_who_adds_a_clinic_belongs_to_it_and_is_told_of(here):
    boss = make_person("admin", here)

    desk_of(boss).post(f"{CLINICS}add/", clinic_form(name="New", slug="new"))

    new = Clinic.objects.get(slug="new")
    assert list(new.members.all()) == [boss]
    [event] = Audit.objects.filter(action="clinic.member_added", clinic="new")
    assert event.detail == {"person": boss.pk}


def test_a_superuser_adds_a_clinic_without_belonging_to_it(admin_client):
    admin_client.post(f"{CLINICS}add/", clinic_form(name="New", slug="new"))

    assert not Clinic.objects.get(slug="new").members.exists()


@pytest.mark.parametrize(
    ("role", "model"),
    [("reviewer", "case"), ("operator", "job"), ("operator", "apikey")],
)
def test_a_list_is_narrowed_by_ones_own_clinics_alone(here, there, role, model):
    Clinic.objects.create(slug="third", name="Clinic third")
    for clinic in (here, there):
        Case.objects.create(case_id=f"of-{clinic.slug}", clinic=clinic)

    page = desk_of(make_person(role, here, there)).get(f"/admin/screening/{model}/")

    offered = re.findall(r"clinic__id__exact=(\d+)", page.text)
    assert {int(pk) for pk in offered} == {here.pk, there.pk}
    assert "Clinic third" not in page.text


# --- Agents and model servers -------------------------------------------------------


def three_agents() -> tuple[Agent, Agent, Agent]:
    for name in ("ours", "theirs", "shared"):
        TargetHealth.objects.create(name=name)
    TargetHealth.objects.create(name="edge")
    of = {"ours": "here", "theirs": "there", "shared": ""}
    ours, theirs, shared = (make_agent(name, clinic=of[name]) for name in of)
    return ours, theirs, shared


def test_agents_are_those_of_the_own_clinics_and_the_shared_ones(here, there):
    ours, theirs, shared = three_agents()
    desk = desk_of(make_person("operator", here))

    assert rows(desk, AGENT_LIST) == {"ours", "shared"}
    assert desk.get(path_of(ours)).status_code == 200
    assert desk.get(path_of(shared)).status_code == 200
    assert desk.get(path_of(theirs)).status_code == 302
    assert desk.post(path_of(theirs), CHANGE).status_code == 302
    form = {"action": "disable_selected", "_selected_action": [str(theirs.pk)]}
    desk.post(AGENT_LIST, form | {"index": "0"})

    theirs.refresh_from_db()
    assert (theirs.clinic, theirs.is_enabled) == ("there", True)


def test_the_states_of_a_list_are_counted_without_the_agents_of_others(here, there):
    three_agents()
    make_agent("new-there", clinic="there", approved=False)

    page = desk_of(make_person("operator", here)).get(AGENT_LIST)

    assert "Not approved yet" not in page.text
    assert "(2)" in page.text


def test_servers_are_all_but_the_agents_of_other_clinics(here, there):
    three_agents()
    make_agent("unseen-there", clinic="there")
    make_agent("unseen-here", clinic="here")
    desk = desk_of(make_person("operator", here))

    page = desk.get(SERVER_LIST)

    assert rows(desk, SERVER_LIST) == {"edge", "ours", "shared"}
    assert "unseen-here" in page.text
    assert "there" not in page.text
    theirs = TargetHealth.objects.get(name="theirs")
    assert desk.get(path_of(theirs)).status_code == 302


def test_a_shared_server_says_nothing_of_any_clinic():
    clinic = make_clinic("here")
    shared = make_agent("shared", clinic="")
    for name in ("shared", "edge"):
        TargetHealth.objects.create(name=name, last_error="MODEL_TIMEOUT", failed=1)
    desk = desk_of(make_person("operator"))
    pages = [AGENT_LIST, SERVER_LIST, path_of(shared)]
    pages += [path_of(server) for server in TargetHealth.objects.all()]

    for path in pages:
        answer = desk.get(path)
        assert answer.status_code == 200
        for sign in (CASE, WORD, clinic.name, "key-here", "doctor-here"):
            assert sign not in answer.text, (path, sign)


def test_an_operator_names_no_clinic_but_the_own_for_an_agent(here, there):
    ours, _, shared = three_agents()
    operator = make_person("operator", here)
    desk = desk_of(operator)

    for agent, clinic in ((ours, "there"), (ours, ""), (shared, "there")):
        answer = desk.post(path_of(agent), CHANGE | {"clinic": clinic})
        assert "Name a clinic of your own." in answer.text
    kept = desk.post(path_of(shared), CHANGE | {"token_env": "AGENT_TOKEN_A"})

    assert kept.status_code == 302
    found = Agent.objects.order_by("agent_id").values_list("agent_id", "clinic")
    assert list(found) == [("ours", "here"), ("shared", ""), ("theirs", "there")]


@pytest.mark.parametrize(("clinic", "is_taken"), [("here", True), ("there", False)])
def test_an_operator_registers_agents_for_the_own_clinics(
    here, there, clinic, is_taken
):
    form = {
        "agent_id": "reader-9",
        "endpoint": "https://reader.example.org/v1",
        "capabilities": ["screen"],
        "location": "edge-room-9",
        "protocol": "native",
        "clinic": clinic,
    }

    desk = desk_of(make_person("operator", here))
    desk.post("/admin/routing/agent/add/", form)
    desk.post("/admin/routing/agent/add/", form | {"agent_id": "r-8", "clinic": ""})

    assert Agent.objects.count() == int(is_taken)


def test_a_superuser_registers_agents_for_every_clinic(admin_client):
    agent = make_agent("ours", clinic="here")

    admin_client.post(path_of(agent), CHANGE)

    agent.refresh_from_db()
    assert agent.clinic == ""


# --- What stands above every page ---------------------------------------------------


def banner(user: User) -> list[str]:
    return [each.what for each in notices.notices_for(user)]


def told_of(number: int) -> str:
    return "1 dead letter waits." if number == 1 else f"{number} dead letters wait."


def test_dead_letters_are_counted_in_the_own_clinics_alone():
    one, two = make_clinic("one"), make_clinic("two")
    make_clinic("three")
    Task.objects.filter(clinic="two", dead_at__isnull=False).delete()
    dead = {
        clinic: Job.objects.filter(clinic=clinic, status="FAILED").count()
        + Task.objects.filter(clinic=clinic.slug, dead_at__isnull=False).count()
        for clinic in Clinic.objects.exclude(slug="default")
    }
    both = make_person("operator", one, two, name="both")
    root = User.objects.create_superuser("root")

    assert dead[one] != dead[two]
    assert told_of(dead[one]) in banner(make_person("operator", one))
    for nobody in (make_person("operator", name="none"), make_person("reviewer", one)):
        assert "dead letter" not in " ".join(banner(nobody))
    assert told_of(dead[one] + dead[two]) in banner(both)
    assert told_of(sum(dead.values())) in banner(root)


def test_what_is_wrong_with_all_of_it_is_told_to_everybody():
    make_clinic("one")

    for name in ("nobodys", "ours"):
        clinics = Clinic.objects.filter(slug="one") if name == "ours" else ()
        user = make_person("operator", *clinics, name=name)
        assert "No worker is running." in banner(user)


def test_a_warm_page_asks_for_nothing(here):
    user = make_person("operator", here)
    banner(user)
    with CaptureQueriesContext(connection) as without:
        banner(user)
    clinic = make_clinic("full")
    clinic.members.add(user)
    notices.LAST.until = 0.0
    banner(user)
    with CaptureQueriesContext(connection) as captured:
        said = banner(user)

    assert "dead letter" in " ".join(said)
    assert (len(without), len(captured)) == (0, 0)


def test_who_leaves_a_clinic_is_told_of_it_no_more(here):
    clinic = make_clinic("full")
    user = make_person("operator", clinic)
    assert "dead letter" in " ".join(banner(user))

    clinic.members.remove(user)
    notices.LAST.until = 0.0

    assert "dead letter" not in " ".join(banner(user))
