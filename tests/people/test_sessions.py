"""A session ends: after a pause, after a day's work, and with what it stood on."""

from __future__ import annotations

from datetime import timedelta

import pytest
import time_machine
from django.contrib.auth.models import Group, User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from audit.models import Audit
from people.models import Session
from people.services.factors import remove_factor
from tests.people.making import (
    LOG_IN,
    PASSWORD,
    add_factor,
    code_of,
    detail_of,
    is_in,
    log_in,
    make_person,
)

pytestmark = pytest.mark.django_db
START = "2026-11-24T09:00:00Z"
PAGE = "/admin/password_change/"


@pytest.fixture
def doctor() -> User:
    return make_person()


@pytest.fixture
def desk(doctor: User) -> Client:
    client = Client()
    assert log_in(client).status_code == 302
    return client


def change_of(person: User, **given: object) -> dict[str, object]:
    """Return what the form of a person would send."""
    form = {"username": person.username, "is_active": "on", "is_staff": "on"}
    return {name: value for name, value in (form | given).items() if value is not None}


def change(admin_client: Client, person: User, **given: object) -> None:
    path = f"/admin/auth/user/{person.pk}/change/"
    assert admin_client.post(path, change_of(person, **given)).status_code == 302


# --- Time -----------------------------------------------------------------------------


def test_a_session_ends_after_the_idle_time_and_not_before(doctor):
    with time_machine.travel(START, tick=False) as clock:
        client = Client()
        log_in(client)
        for _ in range(5):
            clock.shift(timedelta(minutes=14, seconds=59))
            assert is_in(client)
        clock.shift(timedelta(minutes=15))
        assert not is_in(client)


def test_a_session_ends_after_its_whole_life_however_busy_it_is(doctor):
    with time_machine.travel(START, tick=False) as clock:
        client = Client()
        log_in(client)
        for _ in range(12 * 6 - 1):
            clock.shift(timedelta(minutes=10))
            assert is_in(client)
        clock.shift(timedelta(minutes=10))
        assert not is_in(client)

    assert detail_of("session.ended") == {"why": "life"}
    assert not Session.objects.exists()


def test_both_times_are_settings(doctor, settings):
    settings.SESSION_COOKIE_AGE = settings.SESSION_IDLE_SECONDS = 60
    settings.SESSION_LIFE_SECONDS = 300
    with time_machine.travel(START, tick=False) as clock:
        client = Client()
        log_in(client)
        for _ in range(5):
            clock.shift(timedelta(seconds=50))
            assert is_in(client)
        clock.shift(timedelta(seconds=50))
        assert not is_in(client)


def test_the_session_is_written_once_a_minute_at_most(doctor):
    with time_machine.travel(START, tick=False) as clock:
        client = Client()
        log_in(client)
        stored = Session.objects.get().expire_date
        client.get(PAGE)  # that it was opened is written down once
        clock.shift(59)
        with CaptureQueriesContext(connection) as asked:
            client.get(PAGE)
        assert all(query["sql"].lstrip("(").startswith("SELECT") for query in asked)
        assert Session.objects.get().expire_date == stored
        clock.shift(1)
        assert client.get(PAGE).cookies["sessionid"]["max-age"] == 900
        assert Session.objects.get().expire_date == stored + timedelta(seconds=60)


def test_a_session_of_before_these_rules_gets_its_times(admin_client):
    admin_client.get(PAGE)

    assert {"began", "seen"} <= set(admin_client.session.keys())


# --- Keys -----------------------------------------------------------------------------


def test_the_key_is_a_new_one_after_the_log_in(doctor, client):
    session = client.session
    session["x"] = 1
    session.save()
    before = session.session_key

    log_in(client)

    assert client.session.session_key != before
    assert not Session.objects.filter(session_key=before).exists()


@pytest.mark.parametrize("before", ["dr-lind", "dr-osei"])
def test_who_logs_in_over_another_or_again_begins_anew(doctor, client, before):
    make_person("dr-lind")
    log_in(client, before)
    session = client.session
    began = session["began"] = session["began"] - 100
    session["factor_at"] = session["signed_at"] = began
    session.save()

    log_in(client)

    assert client.session["began"] > began
    assert not {"factor_at", "signed_at"} & set(client.session.keys())


def test_whose_a_session_is_stands_in_its_row(doctor, desk):
    assert Session.objects.get().person == doctor


def test_logging_out_ends_the_session_and_is_told(desk, doctor):
    desk.post("/admin/logout/")

    assert not is_in(desk)
    assert not Session.objects.filter(person=doctor).exists()
    assert detail_of("session.ended") == {"why": "logged_out"}
    assert Audit.objects.changing().latest("id").actor == f"user:{doctor.pk}"


# --- What a session stands on ---------------------------------------------------------


@pytest.mark.parametrize(
    "given",
    [{"is_active": None}, {"groups": "role"}, {"is_superuser": "on"}],
    ids=["disabled", "another role", "more rights"],
)
def test_a_session_ends_with_what_the_person_may_do(admin_client, desk, doctor, given):
    role = Group.objects.create(name="Auditor")
    given = {name: role.pk if v == "role" else v for name, v in given.items()}
    assert is_in(desk)

    change(admin_client, doctor, **given)

    assert not Session.objects.filter(person=doctor).exists()
    assert not is_in(desk)
    assert is_in(admin_client)


def test_a_session_goes_on_where_only_a_name_changed(admin_client, desk, doctor):
    change(admin_client, doctor, first_name="Ama")

    assert is_in(desk)


def test_who_is_enabled_again_is_not_logged_in_again(desk, doctor):
    User.objects.filter(pk=doctor.pk).update(is_active=False)
    assert not is_in(desk)
    User.objects.filter(pk=doctor.pk).update(is_active=True)

    assert not is_in(desk)


def test_the_own_new_password_ends_every_other_session(doctor, desk):
    other = Client()
    log_in(other)
    form = {"old_password": PASSWORD}
    form |= dict.fromkeys(("new_password1", "new_password2"), "another-invented-one-2")

    assert desk.post(PAGE, form).status_code == 302

    assert is_in(desk)
    assert not is_in(other)
    assert Session.objects.filter(person=doctor).count() == 1
    assert Audit.objects.changing().latest("id").action == "person.password_changed"


def test_a_password_that_is_not_taken_changes_and_tells_nothing(doctor, desk):
    other = Client()
    log_in(other)
    form = {"old_password": "wrong", "new_password1": "x", "new_password2": "x"}

    assert desk.post(PAGE, form).status_code == 200

    assert is_in(other)
    assert not Audit.objects.filter(action__startswith="person.").exists()


def test_a_password_set_by_another_ends_every_session(admin_client, desk, doctor):
    path = f"/admin/auth/user/{doctor.pk}/password/"
    form = dict.fromkeys(("password1", "password2"), "another-invented-one-2")

    assert (
        admin_client.post(path, form | {"usable_password": "true"}).status_code == 302
    )

    assert not Session.objects.filter(person=doctor).exists()
    assert not is_in(desk)
    assert Audit.objects.changing().latest("id").detail == {"person": doctor.pk}


def test_other_rights_of_a_role_end_the_sessions_of_who_has_it(
    admin_client, desk, doctor
):
    role = Group.objects.create(name="Auditor")
    doctor.groups.add(role)
    form = {"name": "Auditor", "permissions": [1, 2]}

    assert admin_client.post(f"/admin/auth/group/{role.pk}/change/", form).url

    assert not is_in(desk)
    detail = detail_of("role.changed")
    assert (detail["role"], len(detail["rights_added"])) == ("Auditor", 2)


def test_a_second_factor_taken_away_ends_every_session(admin_user, doctor):
    add_factor(doctor)
    client = Client()
    log_in(client, code=code_of(doctor))
    assert is_in(client)

    remove_factor(doctor, by=admin_user)

    assert not is_in(client)


# --- The cookie -----------------------------------------------------------------------


def test_the_cookie_is_for_no_script_and_no_other_site(doctor, client):
    cookies = log_in(client).cookies

    assert cookies["sessionid"]["httponly"]
    assert cookies["sessionid"]["samesite"] == "Lax"
    assert client.get(LOG_IN).status_code == 302
    assert Client().get(LOG_IN).cookies["csrftoken"]["httponly"]
