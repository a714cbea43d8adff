"""Every address and every step, walked: none without its event in the audit log.

A page or a route that is new is walked too, without anybody naming it here.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.apps import apps
from django.contrib.auth.models import User
from django.test import Client

from audit.models import Audit
from audit.reading import RECENT
from consent.models import Consent
from pediscreen_site.roles import ROLES
from pediscreen_site.urls import urlpatterns
from routing.models import Agent, TargetHealth, Task
from screening.models import Clinic, Job, Scope
from screening.services.keys import create_key
from tests.routing.making import make_agent
from tests.screening.test_api_auth import walk
from tests.site.clinics import desk_of, make_clinic, make_person
from tests.site.pages import Page, addresses
from tests.site.test_roles import (
    ACTIONS,
    APPS,
    LETTERS,
    PAGES,
    POSTED,
    QUERIES,
    allowed_on,
    rows_of,
)

pytestmark = pytest.mark.django_db

SHOW_NO_RECORD = {
    *("health", "livez", "readyz", "metrics", "api/schema", "api/docs", ""),
    *("login", "jsi18n"),
}
"""All that leaves no event when it is answered. The rest of the product does."""

LEAD_ELSEWHERE = {
    # without anything to confirm, or without a factor to have codes for
    *("second_factor_confirm", "second_factor_codes"),
    # what was read blind already, and what is signed already
    *("screening_review_second_read", "screening_review_sign_off"),
    *("screening_review_hand_over", "screening_review_follow_up"),
    # a sheet that must not leave
    "screening_review_family_pdf",
    # a person's own page, which the worklist is now
    "screening_review_changelist",
}
"""Pages that may lead to another one, which is accounted for itself."""


def since(newest: int) -> list[Audit]:
    return list(Audit.objects.filter(pk__gt=newest).order_by("pk"))


def events_of(call: Any) -> tuple[Any, list[Audit]]:
    """Do something as if for the first time; return the answer and its events."""
    RECENT.forget()
    newest = Audit.objects.order_by("-pk").values_list("pk", flat=True).first() or 0
    return call(), since(newest)


def denied(events: list[Audit]) -> list[Audit]:
    return [event for event in events if event.action == "access.denied"]


@pytest.fixture
def clinic(redis: Any, settings: Any) -> Clinic:
    found = make_clinic("here")
    make_agent("agent-here", clinic="here")
    TargetHealth.objects.create(name="edge")
    return found


@pytest.fixture
def people(clinic: Clinic) -> dict[str, User]:
    return {LETTERS[role]: make_person(role, clinic) for role in ROLES}


def who_may(page: Page, url: str) -> str:
    if page.name == "app_list":
        return APPS[url.rstrip("/").rsplit("/", 1)[1]]
    return POSTED.get(page.name) or allowed_on(page)


def walked(clinic: Clinic) -> Iterator[tuple[Page, str, str]]:
    """Yield each page of the desk with its address and the letters of who may."""
    for page, url in addresses(rows_of(clinic)):
        yield page, url + QUERIES.get(page.name, ""), who_may(page, url)


# --- The desk -------------------------------------------------------------------------


def test_who_opens_any_page_is_accounted_for(clinic, people):
    silent = []
    for page, url, letters in walked(clinic):
        for letter in letters[:2]:
            user = people[letter]
            response, events = events_of(lambda u=user, url=url: desk_of(u).get(url))
            assert response.status_code < 500
            if page.name in SHOW_NO_RECORD:
                assert not events
            elif response.status_code == 302 and page.name in LEAD_ELSEWHERE:
                continue
            elif f"user:{user.pk}" not in {event.actor for event in events}:
                silent.append((page.name, letter, response.status_code))

    assert not silent


def test_who_is_refused_any_page_is_accounted_for(clinic, people):
    silent = []
    for page, url, letters in walked(clinic):
        for letter in [each for each in people if each not in letters][:2]:
            user = people[letter]
            for send in ("get", "post"):
                desk = desk_of(user)
                response, events = events_of(
                    lambda desk=desk, send=send, url=url: getattr(desk, send)(url)
                )
                refused = {
                    event.actor
                    for event in events
                    if event.action in {"access.denied", "request.refused"}
                }
                home = page.name == "screening_review_changelist"
                if refused != {f"user:{user.pk}"} and not home:
                    silent.append((page.name, letter, send, response.status_code))

    assert not silent


def test_who_is_nobody_is_refused_every_page_and_it_is_told(clinic):
    silent = []
    for page, url, _ in walked(clinic):
        if page.name in SHOW_NO_RECORD | {"logout"}:
            continue
        response, events = events_of(lambda url=url: Client().get(url))
        if [event.actor for event in denied(events)] != ["user:unknown"]:
            silent.append((page.name, response.status_code))

    assert not silent


def test_any_form_that_is_sent_is_accounted_for(clinic, people):
    silent = []
    for page, url, letters in walked(clinic):
        if page.name in SHOW_NO_RECORD:
            continue
        for letter in letters[:1]:
            user = people[letter]
            response, events = events_of(lambda u=user, url=url: desk_of(u).post(url))
            assert response.status_code < 500
            if f"user:{user.pk}" not in {event.actor for event in events}:
                silent.append((page.name, letter, response.status_code))

    assert not silent


def test_any_form_without_its_token_is_accounted_for(clinic, people):
    client = Client(enforce_csrf_checks=True)
    client.force_login(people["S"])

    for page, url, _ in walked(clinic):
        response, events = events_of(lambda url=url: client.post(url))
        assert (page.name, response.status_code) == (page.name, 403)
        assert [event.detail["code"] for event in denied(events)] == ["CSRF"], page.name


def test_any_step_of_a_list_is_accounted_for_taken_or_not(clinic, people):
    silent = []
    for name, letters in ACTIONS.items():
        app, model, action = name.split(".")
        rows = apps.get_model(app, model)._default_manager
        form = {
            "action": action,
            "index": "0",
            "_selected_action": [str(rows.values_list("pk", flat=True)[0])],
        }
        for letter, user in people.items():
            desk, path = desk_of(user), f"/admin/{app}/{model}/"
            response, events = events_of(
                lambda desk=desk, path=path, form=form: desk.post(path, form)
            )
            assert response.status_code < 500
            if f"user:{user.pk}" not in {event.actor for event in events}:
                silent.append((name, letter, "nothing"))
            if (letter in letters) == bool(denied(events)):
                silent.append((name, letter, [event.action for event in events]))

    assert not silent


# --- The API --------------------------------------------------------------------------


def routes() -> list[tuple[str, str]]:
    """Return the method and the path of every route that is not of the desk."""
    found = []
    for path, view in walk(urlpatterns):
        if path.startswith("admin/"):
            continue
        methods = [name for name in getattr(view, "actions", {}) if name != "head"]
        found += [(method.upper(), path) for method in methods or ["get"]]
    return found


def filled(path: str, clinic: Clinic) -> str:
    """Put ids of the clinic's into a path."""
    job = Job.objects.filter(clinic=clinic, status="DONE").first()
    ids = {
        "job_id": job.pk,
        "case_id": job.case.case_id,
        "task_id": Task.objects.filter(clinic=clinic.slug).first().public_id,
        "agent_id": Agent.objects.filter(clinic=clinic.slug).first().agent_id,
        "consent_id": Consent.objects.filter(clinic=clinic.slug).first().consent_id,
    }
    for name, value in ids.items():
        path = path.replace(f"<path:{name}>", str(value))
    query = f"?case_id={ids['case_id']}" if path == "api/consents" else ""
    return f"/{path}{query}"


def key_of(clinic: Clinic, scopes: Any = tuple(Scope)) -> str:
    _, raw = create_key(
        name="test", clinic=clinic, scopes=list(map(str, scopes)), actor="user:test"
    )
    return raw


def call(method: str, path: str, key: str) -> Any:
    headers = {"x-api-key": key} if key else {}
    return Client().generic(method, path, b"{}", "application/json", headers=headers)


@pytest.mark.parametrize(("method", "path"), routes())
def test_a_route_is_accounted_for_whoever_calls_it(clinic, method, path):
    whole, url = key_of(clinic), filled(path, clinic)
    if path in SHOW_NO_RECORD:
        assert not events_of(lambda: call(method, url, whole))[1]
        return

    for key, code in (
        (whole, ""),
        (key_of(clinic, ()), "FORBIDDEN"),
        ("", "AUTH_FAIL"),
    ):
        response, events = events_of(lambda key=key: call(method, url, key))
        actor = f"key:{key.split('_')[1]}" if key else "key:unknown"
        assert response.status_code < 500 or response.json()["code"] == "E_NO_AGENT"
        assert {event.actor for event in events} == {actor}
        assert not code or [event.detail["code"] for event in denied(events)] == [code]


@pytest.mark.parametrize(
    ("method", "path"), [each for each in routes() if "<path:" in each[1]]
)
def test_another_clinic_s_record_is_not_found_and_its_clinic_can_see_that(
    clinic, method, path
):
    elsewhere = Clinic.objects.create(slug="elsewhere", name="Elsewhere")
    key = key_of(elsewhere)

    response, events = events_of(lambda: call(method, filled(path, clinic), key))

    if response.status_code == 422:  # its body is looked at first
        assert [event.action for event in events] == ["request.refused"]
        return
    assert response.status_code == 404
    [event] = denied(events)
    assert (event.clinic, event.detail["of"]) == ("here", "elsewhere")
    assert event.actor == f"key:{key.split('_')[1]}"


def test_what_is_walked_is_all_that_there_is():
    names = {page.name for page, _ in addresses({})}

    assert names >= {"index", "agreement", "work", *PAGES} - {
        name for name in PAGES if name.startswith(("screening_review_", "auth_user"))
    } - {
        *("screening_case_evidence", "audit_audit_proof"),
        *("autocomplete", "view_on_site"),
    }
    assert len(routes()) > 20
