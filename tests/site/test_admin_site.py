"""The admin as a site: who comes in, under which policy, and that nothing else runs."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import Any

import pytest
from django.conf import settings
from django.contrib import admin
from django.contrib.auth.models import User
from django.contrib.staticfiles import finders
from django.template import engines
from django.test import Client
from django.urls import get_resolver, reverse

from pediscreen_site.admin_site import DeskSite
from tests.browser.rows import fill
from tests.servers import ROOT

PASSWORD = "an-invented-password-1"
FOOT = "Supports a clinician&#x27;s judgement|Supports a clinician's judgement"


class Markup(HTMLParser):
    """What in a page would need more than ``default-src 'self'``."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.inline: list[str] = []
        self.elsewhere: list[str] = []
        self.loaded: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        given = dict(attrs)
        if tag == "style" or "style" in given:
            self.inline.append(f"{tag} style")
        if tag == "script" and "src" not in given:
            self.inline.append("script")
        self.inline += [name for name in given if name.startswith("on")]
        for name in ("src", "href", "action", "xlink:href"):
            target = given.get(name) or ""
            if target.lstrip().lower().startswith("javascript:"):
                self.inline.append(target)
            if re.match(r"(https?:)?//", target):
                self.elsewhere.append(target)
            if tag in {"script", "link", "img"} and target.startswith("/static/"):
                self.loaded.append(target)


def pages(client: Any) -> dict[str, str]:
    """Return every kind of page that the admin has, by its path."""
    jobs = fill(12)
    user = User.objects.get(username="admin")
    found = ["/admin/", "/admin/login/", "/admin/password_change/", "/admin/nowhere/"]
    found += ["/admin/screening/", "/admin/audit/", "/admin/auth/user/add/"]
    found += [
        f"/admin/auth/user/{user.pk}/{s}/" for s in ("change", "history", "delete")
    ]
    found.append(f"/admin/auth/user/{user.pk}/password/")
    found += [f"/admin/work/?state={s}" for s in ("dead", "running", "queued")]
    found += [f"/admin/audit/{name}/" for name in ("case", "week", "log")]
    found += [f"/admin/audit/person/?actor=user:{user.pk}"]
    for model in admin.site._registry:
        name = f"admin:{model._meta.app_label}_{model._meta.model_name}"
        found.append(reverse(f"{name}_changelist"))
        row = model.objects.first()
        if row is not None:
            found.append(reverse(f"{name}_change", args=[row.pk]))
    found += [reverse("admin:screening_job_change", args=[job.pk]) for job in jobs]
    stranger = Client()
    return {
        path: (stranger if "login" in path else client).get(path, follow=True).text
        for path in found
    }


@pytest.fixture
def every_page(admin_client: Any) -> dict[str, str]:
    return pages(admin_client)


# --- The policy ---------------------------------------------------------------------


def policy_of(response: Any) -> dict[str, list[str]]:
    parts = response["Content-Security-Policy"].split(";")
    return {words[0]: words[1:] for words in (part.split() for part in parts)}


@pytest.mark.parametrize(
    "path", ["/admin/login/", "/admin/", "/admin/screening/job/", "/admin/nowhere/"]
)
def test_every_answer_carries_a_policy_without_exceptions(admin_client, path):
    response = admin_client.get(path)

    policy = policy_of(response)
    assert policy["default-src"] == ["'self'"]
    assert policy["frame-ancestors"] == ["'none'"]
    assert policy["object-src"] == ["'none'"]
    assert policy["form-action"] == ["'self'"]
    assert policy["base-uri"] == ["'self'"]
    assert "unsafe" not in response["Content-Security-Policy"]
    assert not {"script-src", "style-src"} & set(policy)


def test_no_page_has_a_style_or_a_script_of_its_own(every_page):
    assert {path: Markup(page).inline for path, page in every_page.items()} == {
        path: [] for path in every_page
    }


def test_no_page_loads_or_sends_anything_from_or_to_another_host(every_page):
    assert {path: Markup(page).elsewhere for path, page in every_page.items()} == {
        path: [] for path in every_page
    }


def test_whatever_a_page_loads_is_there(every_page):
    loaded = {name for page in every_page.values() for name in Markup(page).loaded}

    missing = [
        name for name in loaded if not finders.find(name.removeprefix("/static/"))
    ]
    assert "/static/desk/desk.css" in loaded
    assert missing == []


@pytest.mark.parametrize(
    "name", ["desk/desk.css", "desk/mark.svg", "admin/css/base.css"]
)
def test_a_checkout_serves_its_files(client, name):
    response = client.get(f"/static/{name}")

    assert response.status_code == 200
    assert len(b"".join(response)) > 300


def test_no_style_sheet_of_ours_fetches_anything():
    text = (ROOT / "pediscreen_site/static/desk/desk.css").read_text()

    assert "url(" not in text
    assert "@import" not in text


@pytest.mark.parametrize("path", ["/admin/login/", "/admin/screening/case/"])
def test_pages_are_neither_kept_nor_framed_nor_guessed_at(admin_client, path):
    response = admin_client.get(path)

    assert "no-store" in response["Cache-Control"]
    assert response["X-Frame-Options"] == "DENY"
    assert response["X-Content-Type-Options"] == "nosniff"
    assert response["Referrer-Policy"] == "same-origin"
    assert response["Cross-Origin-Opener-Policy"] == "same-origin"


# --- Who comes in -------------------------------------------------------------------


def test_a_stranger_is_sent_to_the_log_in_from_every_page(client, admin_client):
    paths = [p for p in pages(admin_client) if p != "/admin/login/"]

    for path in paths:
        for response in (client.get(path), client.post(path, {"action": "x"})):
            assert response.status_code == 302, path
            assert response.url.startswith("/admin/login/?next="), path


def test_a_person_who_is_no_staff_is_sent_away_too(db):
    client = Client()
    client.force_login(User.objects.create_user("parent"))

    assert client.get("/admin/screening/job/").status_code == 302


def test_an_api_key_opens_no_page(api):
    assert api.get("/admin/screening/job/").status_code == 302


def test_logging_in_and_out_works_through_the_forms(db, client):
    User.objects.create_superuser("reviewer", password=PASSWORD)
    form = {"username": "reviewer", "password": PASSWORD, "next": "/admin/"}

    wrong = client.post("/admin/login/", form | {"password": "wrong"})
    right = client.post("/admin/login/", form)
    inside = client.get("/admin/")
    out = client.post("/admin/logout/")

    assert wrong.status_code == 200
    assert "errornote" in wrong.text
    assert right.url == "/admin/"
    assert inside.status_code == 200
    assert out.status_code == 200
    assert client.get("/admin/").status_code == 302


@pytest.mark.parametrize(
    "target",
    ["https://elsewhere.example/", "//elsewhere.example", "javascript:x", "\0"],
)
def test_the_log_in_leads_nowhere_else(db, client, target):
    User.objects.create_superuser("reviewer", password=PASSWORD)
    form = {"username": "reviewer", "password": PASSWORD, "next": target}

    assert client.get("/admin/login/", {"next": target}).status_code == 200
    assert client.post("/admin/login/", form).url == "/admin/"


def test_logging_out_is_no_link(admin_client):
    assert admin_client.get("/admin/logout/").status_code == 405
    assert admin_client.get("/admin/").status_code == 200


def test_the_session_is_short_and_its_cookie_is_for_nobody_else(db, client):
    User.objects.create_superuser("reviewer", password=PASSWORD)
    form = {"username": "reviewer", "password": PASSWORD, "next": "/admin/"}

    cookie = client.post("/admin/login/", form).cookies["sessionid"]

    assert cookie["httponly"]
    assert cookie["samesite"] == "Lax"
    assert cookie["max-age"] == 15 * 60


# --- What is there, and what is not ---------------------------------------------------


def test_the_desk_is_the_one_admin_site():
    assert isinstance(admin.site, DeskSite)
    assert {model.__name__ for model in admin.site._registry} == {
        *{"Agent", "ApiKey", "Audit", "Case", "Clinic", "Job", "Review"},
        *{"Consent", "TargetHealth", "Task", "WebhookDelivery", "WebhookEndpoint"},
        *{"Group", "User"},
    }


def test_no_page_of_the_queue_is_open_to_clinicians():
    known = str(get_resolver().reverse_dict.keys()) + str(settings.INSTALLED_APPS)

    assert "rq" not in re.findall(r"[a-z]+", known)


def test_every_page_has_the_name_the_mark_the_foot_and_one_heading(every_page):
    for path, page in every_page.items():
        assert 'class="mark"' in page, path
        assert "PediScreen" in page, path
        assert re.search(FOOT, page), path
        assert "makes no diagnosis" in page, path
        assert len(re.findall(r"<h1[ >]", page)) == 1, path
        assert re.search(r"<title>\s*\S.*PediScreen\s*</title>", page), path


def test_the_menu_says_where_one_is(admin_client):
    page = admin_client.get("/admin/screening/case/").text

    menu = page[page.index('id="desk-nav"') : page.index("</nav>")]
    assert re.findall(r'aria-current="page">(\w+)<', menu) == ["Cases"]
    assert re.findall(r">([\w ]+)</a>", menu) == [
        *["Worklist", "Cases", "Jobs", "Work", "Model servers", "Agents"],
        *["Agreement", "Audit"],
    ]


def test_all_pages_are_listed_what_people_work_with_first(admin_client):
    page = admin_client.get("/admin/pages/").text

    places = [
        page.index(f'app-{app} module"') for app in ("screening", "audit", "auth")
    ]
    assert places == sorted(places)


@pytest.mark.parametrize("name", ["404.html", "403.html", "500.html", "403_csrf.html"])
def test_the_pages_for_what_goes_wrong_need_neither_person_nor_database(name):
    page = engines["django"].get_template(name).render()

    assert Markup(page).inline == []
    assert "Back to the review desk" in page
    assert page.count("<h1>") == 1


def test_a_defect_in_the_admin_is_answered_by_a_page_that_says_nothing_of_it(
    admin_client, monkeypatch
):
    def breaks(*args: Any) -> None:
        raise ValueError("zq-sentinel")

    monkeypatch.setattr("screening.admin.jobs.JobAdmin.get_queryset", breaks)
    admin_client.raise_request_exception = False

    response = admin_client.get("/admin/screening/job/")

    assert response.status_code == 500
    assert "Something broke" in response.text
    assert "zq-sentinel" not in response.text
