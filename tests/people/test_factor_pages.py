"""Setting a second factor up, changing it, and what is closed before there is one."""

from __future__ import annotations

import re
from typing import Any

import pytest
import time_machine
from django.contrib.auth.models import Permission, User
from django.test import Client
from django_otp.plugins.otp_totp.models import TOTPDevice

from audit.models import Audit
from people.errors import NotAllowed
from people.models import RecoveryCode, Session
from people.services.factors import has_factor, remove_factor, use_code
from tests.people.making import (
    LOG_IN,
    OWN,
    PASSWORD,
    add_factor,
    code_of,
    detail_of,
    is_in,
    log_in,
    make_person,
    told,
)

pytestmark = pytest.mark.django_db
BEGIN, CONFIRM, CODES = (
    f"{OWN}{end}/" for end in ("set-up", "confirm", "recovery-codes")
)


@pytest.fixture
def required(settings: Any) -> None:
    settings.REQUIRE_SECOND_FACTOR = True


@pytest.fixture
def doctor() -> User:
    return make_person()


@pytest.fixture
def desk(doctor: User) -> Client:
    client = Client()
    log_in(client)
    return client


def codes_in(page: str) -> list[str]:
    return [
        code.replace(" ", "") for code in re.findall(r"<code>([\d ]+)</code>", page)
    ]


def set_up(desk: Client, doctor: User, **given: str) -> Any:
    assert desk.post(BEGIN, {"_begin": "1", **given}).url == CONFIRM
    return desk.post(CONFIRM, {"code": code_of(doctor)})


# --- What is closed -------------------------------------------------------------------


@pytest.mark.parametrize(
    "path",
    [
        *("/admin/", "/admin/password_change/", "/admin/screening/review/"),
        *("/admin/auth/user/", "/admin/nowhere/", OWN, CODES),
    ],
)
def test_without_the_required_factor_every_page_leads_to_setting_it_up(
    required, desk, doctor, path
):
    User.objects.filter(pk=doctor.pk).update(is_superuser=True)

    assert desk.get(path).url == BEGIN
    assert desk.post(path, {"x": "1"}).url == BEGIN


def test_a_device_that_is_not_confirmed_opens_nothing(required, desk, doctor):
    desk.post(BEGIN)
    assert desk.get(CONFIRM).status_code == 200
    assert desk.post(CONFIRM, {"code": "000000"}).status_code == 200

    assert desk.get("/admin/").url == BEGIN
    assert not has_factor(doctor)
    assert not use_code(doctor, code_of(doctor))
    assert log_in(Client()).status_code == 302  # still by the password alone


def test_who_is_led_there_sees_no_menu_and_can_log_out(required, desk, doctor):
    User.objects.filter(pk=doctor.pk).update(is_superuser=True)
    page = desk.get(BEGIN).text

    assert 'id="desk-nav"' not in page
    assert "System notice" not in page
    assert 'id="logout-form"' in page
    assert desk.post("/admin/logout/").status_code == 200


def test_the_whole_way_to_the_first_factor_opens_the_desk(required, desk, doctor):
    assert log_in(Client()).url == "/admin/"
    assert "Before you go on" in desk.get("/admin/", follow=True).text

    page = set_up(desk, doctor)

    codes = codes_in(page.text)
    assert len(codes) == 10
    assert is_in(desk)
    assert told("second_factor") == [("second_factor.added", f"user:{doctor.pk}")]
    other = Client()
    assert log_in(other).status_code == 200
    assert log_in(other, code=codes[3]).status_code == 302
    assert is_in(other)


def test_nothing_is_closed_where_it_is_not_required(desk):
    assert is_in(desk)
    assert "Not set up" in desk.get(OWN).text


def test_a_key_still_opens_the_api_without_a_second_factor(required, api):
    assert (
        api.get("/api/status/00000000-0000-0000-0000-000000000000").status_code == 404
    )


# --- Setting up -----------------------------------------------------------------------


def test_the_page_has_the_secret_as_text_and_as_a_picture(desk, doctor):
    desk.post(BEGIN)

    page = desk.get(CONFIRM).text

    secret = re.search(r'class="secret">([A-Z2-7 ]+)<', page)
    assert secret
    assert {len(group) for group in secret[1].split(" ")} == {4}
    assert '<svg class="qr"' in page
    assert " style=" not in page


def test_the_secret_is_on_no_page_once_it_is_confirmed(desk, doctor):
    set_up(desk, doctor)

    assert desk.get(CONFIRM).url == BEGIN
    assert 'class="qr"' not in desk.get(OWN).text + desk.get(BEGIN).text


def test_a_secret_that_waits_too_long_is_not_confirmed(desk, doctor):
    with time_machine.travel("2026-11-24T09:00:00Z", tick=False) as clock:
        client = Client()
        log_in(client)
        client.post(BEGIN)
        clock.shift(29 * 60)
        log_in(client)
        assert client.get(CONFIRM).status_code == 200
        clock.shift(60)
        assert client.post(CONFIRM, {"code": code_of(doctor)}).url == BEGIN
    assert not has_factor(doctor)


def test_the_code_that_confirmed_is_not_good_for_the_log_in_as_well(desk, doctor):
    desk.post(BEGIN)
    code = code_of(doctor)
    desk.post(CONFIRM, {"code": code})

    assert log_in(Client(), code=code).status_code == 200


def test_recovery_codes_are_shown_once_and_stored_as_hashes(desk, doctor):
    codes = codes_in(set_up(desk, doctor).text)

    stored = str(list(RecoveryCode.objects.values()))
    assert not any(code in stored or code[4:] in stored for code in codes)
    later = desk.get(OWN).text + desk.get(CODES).text
    assert not any(code[:4] in codes_in(later) for code in codes)
    assert "10 of 10 left" in later


def test_setting_up_ends_the_other_sessions_of_the_person(desk, doctor):
    other = Client()
    log_in(other)

    set_up(desk, doctor)

    assert is_in(desk)
    assert not is_in(other)


def test_five_wrong_codes_shut_the_page_for_a_while(desk, doctor):
    desk.post(BEGIN)
    for left in (4, 3, 2, 1, 0):
        page = desk.post(CONFIRM, {"code": "000000"})
        assert f"Nothing was changed. {left} tries left." in page.text

    assert desk.post(CONFIRM, {"code": code_of(doctor)}).status_code == 200
    assert not has_factor(doctor)
    assert len(told("second_factor")) == 5
    assert detail_of("login.closed")["door"] == "own"


# --- Changing -------------------------------------------------------------------------


def test_a_device_is_changed_with_the_password_alone_and_the_old_one_is_out(
    desk, doctor
):
    set_up(desk, doctor)
    old = TOTPDevice.objects.get()

    assert desk.post(BEGIN).status_code == 200
    assert desk.post(BEGIN, {"password": "wrong"}).status_code == 200
    assert TOTPDevice.objects.get() == old
    page = set_up(desk, doctor, password=PASSWORD)

    assert len(codes_in(page.text)) == 10
    assert TOTPDevice.objects.get() != old
    assert RecoveryCode.objects.count() == 10
    assert [action for action, _ in told("second_factor")] == [
        *("second_factor.added", "second_factor.refused", "second_factor.changed")
    ]


def test_until_the_new_device_is_confirmed_the_old_one_is_good(desk, doctor):
    add_factor(doctor)
    old = TOTPDevice.objects.get()
    code = code_of(doctor)
    desk = Client()
    log_in(desk, code=code)

    desk.post(BEGIN, {"password": PASSWORD})

    assert TOTPDevice.objects.get(confirmed=True) == old
    assert not use_code(doctor, code_of(doctor))  # of the device that waits


def test_new_recovery_codes_need_the_password_and_replace_the_old(desk, doctor):
    old = codes_in(set_up(desk, doctor).text)

    assert codes_in(desk.post(CODES, {"password": "wrong"}).text) == []
    new = codes_in(desk.post(CODES, {"password": PASSWORD}).text)

    assert len(new) == 10
    assert not set(old) & set(new)
    assert not use_code(doctor, old[0])
    assert use_code(doctor, new[0])
    assert ("second_factor.codes_made", f"user:{doctor.pk}") in told("second_factor")


def test_who_has_none_is_led_from_the_recovery_codes_to_setting_up(desk):
    assert desk.get(CODES).url == BEGIN


# --- Taking away ----------------------------------------------------------------------


def take_away(client: Client, *people: User) -> Any:
    form = {"action": "take_factor_away", "index": "0"}
    chosen = [str(person.pk) for person in people]
    path = "/admin/auth/user/"
    return client.post(path, form | {"_selected_action": chosen}, follow=True)


def test_an_administrator_takes_a_factor_away_and_it_is_told(admin_client, doctor):
    add_factor(doctor)
    other = make_person("dr-lind")

    page = take_away(admin_client, doctor, other).text

    assert "1 person has no second factor any more." in page
    assert not has_factor(doctor)
    assert not RecoveryCode.objects.exists()
    assert detail_of("second_factor.removed") == {"person": doctor.pk}
    assert (
        Audit.objects.latest("id").actor
        == f"user:{User.objects.get(username='admin').pk}"
    )
    assert log_in(Client()).status_code == 302


def test_the_right_to_take_it_away_is_one_of_its_own(doctor):
    add_factor(doctor)
    boss = make_person("boss")
    boss.user_permissions.set(
        Permission.objects.filter(codename__in=["view_user", "change_user"])
    )
    client = Client()
    client.force_login(boss)

    assert "take_factor_away" not in client.get("/admin/auth/user/").text
    take_away(client, doctor)
    with pytest.raises(NotAllowed):
        remove_factor(doctor, by=boss)

    assert has_factor(doctor)


def test_nobody_takes_it_from_an_administrator_but_another(admin_user):
    add_factor_to = User.objects.get(pk=admin_user.pk)
    add_factor_to.set_password(PASSWORD)
    add_factor_to.save()
    add_factor(add_factor_to)
    boss = make_person("boss")
    boss.user_permissions.add(Permission.objects.get(codename="remove_second_factor"))
    boss = User.objects.get(pk=boss.pk)

    with pytest.raises(NotAllowed):
        remove_factor(admin_user, by=boss)

    assert has_factor(admin_user)


def test_the_secrets_have_no_page_in_the_admin(admin_client):
    assert admin_client.get("/admin/otp_totp/totpdevice/").status_code == 404
    assert Session.objects.exists()
    assert admin_client.get(LOG_IN).status_code == 302
