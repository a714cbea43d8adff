"""Who may do what in the desk: every page and every step, role by role."""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib import import_module
from types import SimpleNamespace
from typing import Any

import pytest
from django.apps import apps
from django.contrib import admin
from django.contrib.auth.models import Group, User
from django.db import connection
from django.db.migrations.loader import MigrationLoader
from django.test import RequestFactory

from pediscreen_site.roles import ROLES
from routing.models import TargetHealth, Task
from screening.admin.reviews import STEPS
from screening.models import Clinic, Job, Review
from tests.routing.making import make_agent
from tests.servers import ROOT
from tests.site.clinics import desk_of, make_clinic, make_person
from tests.site.pages import Page, addresses, pages

pytestmark = pytest.mark.django_db
LETTERS = {
    "reviewer": "R",
    "supervisor": "S",
    "operator": "O",
    "auditor": "A",
    "admin": "M",
}
ALL = "RSOAM"
MODELS = {
    # who may:               view   add   change delete
    "screening.case": ("RSA", "", "", ""),
    "screening.job": ("RSO", "", "", ""),
    "screening.review": ("RSA", "", "", ""),
    "screening.clinic": ("M", "M", "M", ""),
    "screening.apikey": ("OM", "", "", ""),
    "screening.webhookendpoint": ("O", "O", "O", ""),
    "screening.webhookdelivery": ("O", "", "", ""),
    "routing.task": ("O", "", "", ""),
    "routing.agent": ("O", "O", "O", ""),
    "routing.targethealth": ("O", "", "", ""),
    "consent.consent": ("RSA", "S", "", ""),
    "audit.audit": ("RSOAM", "", "", ""),
    "auth.user": ("M", "M", "M", ""),
    "auth.group": ("M", "M", "M", ""),
}
ACTIONS = {
    "screening.job.retry_selected": "O",
    "screening.job.cancel_selected": "O",
    "screening.apikey.revoke_selected": "M",
    "screening.webhookendpoint.test_selected": "O",
    "screening.webhookendpoint.rotate_selected": "O",
    "screening.webhookendpoint.enable_selected": "O",
    "screening.webhookendpoint.disable_selected": "O",
    "screening.webhookdelivery.redeliver_selected": "O",
    "routing.task.replay_chosen": "O",
    "routing.agent.approve_selected": "O",
    "routing.agent.enable_selected": "O",
    "routing.agent.disable_selected": "O",
    "consent.consent.revoke_selected": "S",
    "auth.user.take_factor_away": "M",
}
"""What can be done with the rows that are ticked in a list, and by whom."""

PAGES = {
    "index": ALL,
    "pages": ALL,
    "login": ALL,
    "password_change": ALL,
    "password_change_done": ALL,
    "second_factor": ALL,
    "second_factor_begin": ALL,
    "second_factor_confirm": ALL,
    "second_factor_codes": ALL,
    "jsi18n": ALL,
    "autocomplete": "",  # nothing here is looked up while it is typed
    "view_on_site": "",  # there are no other pages
    "agreement": "RSA",
    "agreement_missed": "RSA",
    "work": "O",
    "audit_case": ALL,
    "audit_person": ALL,
    "audit_week": ALL,
    "audit_log": ALL,
    "audit_audit_proof": ALL,
    "screening_case_export": "S",
    "screening_case_evidence": "SA",
    "screening_review_export": "S",
    "screening_review_report_pdf": "RSA",
    "screening_review_report_fhir": "RSA",
    "screening_review_family_pdf": "RSA",
    "screening_review_sign_off": "RS",
    "screening_review_second_read": "RS",
    "screening_review_hand_over": "RS",
    "screening_review_follow_up": "RS",
    "auth_user_password_change": "M",
}
"""Pages beside those that every model has, and who may open them."""

POSTED = {"logout": ALL, "work_replay": "O", "routing_task_replay": "O"}
"""What takes a form alone, and whose."""

APPS = {
    "screening": ALL,
    "routing": "O",
    "consent": "RSA",
    "audit": ALL,
    "auth": "M",
}
BUTTONS = {
    "_claim": "RS",
    "_save": "RS",
    "_sign_off": "RS",
    "_second_read": "RS",
    "_withdraw": "RS",
    "_hand_over": "RS",
    "_follow_up": "RS",
    "_restore": "RS",
    "_give_back": "RS",
    "_decide": "S",
    "_addendum": "RS",
    "_release": "S",
}
"""The buttons of a review's own page."""

QUERIES = {
    "agreement_missed": "?draft=monitor",
    "audit_case": "?clinic=here&case_id=zqcase-here-open",
    "audit_person": "?actor=user:1",
}
AT_HOME = {"/admin/", "/admin/login/"}
HOME = {"index", "login", "screening_review_changelist"}
"""What is home, or leads there: only a refusal says that it is not somebody's."""


def is_shut(response: Any) -> bool:
    """Say whether a page was refused, or nothing of it was there to be seen."""
    away = response.status_code == 302 and response.url.split("?")[0] in AT_HOME
    return away or response.status_code in {403, 404}


@pytest.fixture
def clinic(redis: Any, settings: Any) -> Clinic:
    found = make_clinic("here")
    make_agent("agent-here", clinic="here")
    TargetHealth.objects.create(name="edge")
    return found


@pytest.fixture
def people(clinic: Clinic) -> dict[str, User]:
    return {role: make_person(role, clinic) for role in ROLES}


def rows_of(clinic: Clinic) -> dict[str, list[Any]]:
    """Return one row of each model that every role with the right may see."""
    found = {model._meta.label_lower: model for model in admin.site._registry}
    firsts = {
        "screening.review": Review.objects.exclude(state="REQUIRES_REVIEW"),
        "screening.clinic": Clinic.objects.filter(pk=clinic.pk),
        "auth.user": User.objects.filter(username="doctor-here"),
        "audit.audit": found["audit.audit"].objects.filter(clinic="here"),
    }
    return {
        name: [firsts.get(name, model._default_manager.all())[:1][0].pk]
        for name, model in found.items()
    }


def allowed_on(page: Page) -> str:
    """Return who may open a page, by the tables."""
    if page.model is None:
        return PAGES[page.name]
    label = page.model._meta.label_lower
    view, add, change, delete = MODELS[label]
    steps = {"add": add, "delete": delete}
    return steps.get(page.step, view + change)


# --- The roles themselves -------------------------------------------------------------


def rights_stored(role: str) -> set[str]:
    group = Group.objects.get(name=role)
    found = group.permissions.values_list("content_type__app_label", "codename")
    return {f"{app}.{codename}" for app, codename in found}


@pytest.mark.parametrize("role", ROLES)
def test_the_group_of_a_role_has_the_rights_of_the_table(role):
    assert rights_stored(role) == set(ROLES[role])


def test_the_document_shows_the_table():
    text = (ROOT / "docs" / "roles.md").read_text()
    lines = re.findall(r"^\| `([a-z_]+\.[a-z_]+)` \|(.*)\|$", text, re.MULTILINE)
    shown = {
        role: {right for right, marks in lines if "yes" in marks.split("|")[column]}
        for column, role in enumerate(ROLES)
    }

    assert shown == {role: set(rights) for role, rights in ROLES.items()}


def test_a_group_that_was_there_keeps_what_it_had():
    steps = [
        import_module("pediscreen_site.migrations.0001_roles").make,
        import_module("pediscreen_site.migrations.0002_evidence").give,
    ]
    state = MigrationLoader(connection).project_state()
    group = Group.objects.get(name="auditor")
    own = Group.objects.get(name="operator").permissions.get(codename="add_agent")
    group.permissions.set([own])

    for step in steps:
        step(state.apps, SimpleNamespace(connection=connection))

    assert rights_stored("auditor") >= set(ROLES["auditor"])
    assert own in group.permissions.all()


def test_no_role_may_delete_and_none_is_a_superusers():
    rights = {right for role in ROLES.values() for right in role}

    assert not {right for right in rights if ".delete_" in right}
    assert "auth.change_permission" not in rights


# --- Pages ----------------------------------------------------------------------------


def test_every_page_has_a_place_in_the_tables():
    known = {*PAGES, *POSTED, "app_list"}
    new = {page.name for page in pages() if page.model is None} - known
    models = {m._meta.label_lower for m in admin.site._registry}

    assert not new, f"say in PAGES who may open {sorted(new)}"
    assert models == set(MODELS), "say in MODELS who may do what"
    assert set(STEPS) == set(BUTTONS)


@pytest.mark.parametrize("role", ROLES)
def test_a_role_opens_its_pages_and_no_other(clinic, people, role):
    client, mine = desk_of(people[role]), LETTERS[role]
    wrong = []
    for page, url in addresses(rows_of(clinic)):
        if page.name in POSTED:
            continue
        if page.name == "app_list":
            expected = APPS[url.rstrip("/").rsplit("/", 1)[1]]
        else:
            expected = allowed_on(page)
        response = client.get(url + QUERIES.get(page.name, ""))
        is_ours = page.name in HOME or not is_shut(response)
        if page.name in HOME and response.status_code == 403:
            is_ours = False
        assert response.status_code < 500
        if is_ours != (mine in expected):
            wrong.append((page.name, response.status_code))

    assert not wrong


@pytest.mark.parametrize("role", ROLES)
def test_a_role_sends_its_forms_and_no_other(clinic, people, role):
    client, mine = desk_of(people[role]), LETTERS[role]
    wrong = []
    for page, url in addresses(rows_of(clinic)):
        if page.model is not None and page.step in {"add", "change", "delete"}:
            label = page.model._meta.label_lower
            rights = MODELS[label][("", "add", "change", "delete").index(page.step)]
        elif page.name in POSTED and page.name != "logout":
            rights = POSTED[page.name]
        else:
            continue
        if is_shut(client.post(url, {})) == (mine in rights):
            wrong.append(page.name)

    assert not wrong


@pytest.mark.parametrize("role", ROLES)
def test_a_role_has_the_buttons_of_a_review_that_are_its_own(clinic, people, role):
    client, mine = desk_of(people[role]), LETTERS[role]
    waiting = Review.objects.get(state="REQUIRES_REVIEW", clinic=clinic)
    signed = Review.objects.get(state="DELIVERED", clinic=clinic)
    wrong = []
    for button, rights in BUTTONS.items():
        review = signed if button in {"_addendum", "_release"} else waiting
        url = f"/admin/screening/review/{review.pk}/change/"
        form = {button: "summary", "risk": "monitor", "version": "1"}
        if is_shut(client.post(url, form)) == (mine in rights):
            wrong.append(button)

    assert not wrong


@pytest.mark.parametrize("role", ROLES)
def test_a_role_is_offered_the_steps_of_a_list_that_are_its_own(people, role):
    request = RequestFactory().get("/")
    request.user = people[role]
    found = set()
    for model, page in admin.site._registry.items():
        label = model._meta.label_lower
        if page.has_view_permission(request):
            found |= {f"{label}.{name}" for name in page.get_actions(request)}

    assert found == {name for name, roles in ACTIONS.items() if LETTERS[role] in roles}


@pytest.mark.parametrize("role", ROLES)
def test_a_step_that_is_not_offered_is_not_taken(clinic, people, role):
    client, mine = desk_of(people[role]), LETTERS[role]
    before = _states()
    for name, roles in ACTIONS.items():
        app, model, action = name.split(".")
        if mine in roles:
            continue
        found = apps.get_model(app, model)._default_manager
        rows = [str(pk) for pk in found.values_list("pk", flat=True)]
        form = {"action": action, "index": "0", "_selected_action": rows}
        client.post(f"/admin/{app}/{model}/", form)

    assert _states() == before


def _states() -> list[Any]:
    queries: Iterator[Any] = (
        Job.objects.order_by("pk").values_list("status"),
        Task.objects.order_by("pk").values_list("status"),
    )
    return [list(query) for query in queries]


def test_the_menu_leads_nowhere_that_is_shut(clinic, people):
    for user in people.values():
        client = desk_of(user)
        page = client.get("/admin/").text
        nav = page[page.index('id="desk-nav"') : page.index("</nav>")]
        for url in re.findall(r'href="([^"]+)"', nav):
            assert client.get(url).status_code == 200, (user.username, url)
