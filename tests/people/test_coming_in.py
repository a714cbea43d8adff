"""Log-in: three things right together, and nothing told of which was wrong."""

from __future__ import annotations

import re
from typing import Any

import pytest
import time_machine
from django.contrib.auth.hashers import MD5PasswordHasher
from django.contrib.auth.models import User
from django.test import Client

from audit.models import Audit
from people.models import Door, RecoveryCode
from tests.people.making import (
    LOG_IN,
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
REFUSED = "That did not work. Check the name, the password and the code. {} tries left."


class CountingHasher(MD5PasswordHasher):
    """Counts how often a password was hashed, right or wrong."""

    algorithm = "md5"
    times = 0

    def encode(self, password: str, salt: str) -> Any:
        type(self).times += 1
        return super().encode(password, salt)


@pytest.fixture
def doctor() -> User:
    return make_person()


def said(response: Any) -> str:
    """Return the page without what differs by itself."""
    page = re.sub(r'name="csrfmiddlewaretoken" value="[^"]*"', "", response.text)
    return re.sub(r'(name="username" value=)"[^"]*"', "", page)


def test_who_has_no_device_comes_in_by_name_and_password(doctor, client):
    response = log_in(client)

    assert response.url == "/admin/"
    assert is_in(client)
    assert told("login") == [("login.succeeded", f"user:{doctor.pk}")]
    assert detail_of("login.succeeded") == {"address": "192.0.2.7", "factor": "none"}


def test_who_has_a_device_needs_its_code_beside_the_password(doctor, client):
    add_factor(doctor)

    assert REFUSED.format(4) in log_in(client).text
    assert REFUSED.format(3) in log_in(client, code="000000").text
    assert not is_in(client)


def test_a_code_comes_in_once(doctor):
    add_factor(doctor)
    code = code_of(doctor)

    assert log_in(Client(), code=code).status_code == 302
    assert log_in(Client(), code=code).status_code == 200
    assert (
        log_in(Client(), code=code_of(doctor, steps=1)).status_code == 200
    )  # too soon
    with time_machine.travel("2036-01-01T00:00:00Z", tick=False):
        assert log_in(Client(), code=code_of(doctor)).status_code == 302
        assert log_in(Client(), code=code_of(doctor)).status_code == 200
    assert detail_of("login.succeeded")["factor"] == "code"


def test_a_code_of_long_ago_or_of_the_future_is_none(doctor):
    add_factor(doctor)

    assert log_in(Client(), code=code_of(doctor, steps=-3)).status_code == 200
    with time_machine.travel("2036-01-01T00:00:00Z", tick=False):
        assert log_in(Client(), code=code_of(doctor, steps=3)).status_code == 200


@pytest.mark.parametrize("typed", ["", "  ", "my code"])
def test_what_is_no_code_is_no_guess_that_makes_the_next_one_wait(doctor, typed):
    add_factor(doctor)

    assert log_in(Client(), code=typed).status_code == 200
    assert log_in(Client(), code=code_of(doctor)).status_code == 302


def test_a_wrong_password_does_not_use_the_code_up(doctor):
    add_factor(doctor)
    code = code_of(doctor)

    log_in(Client(), code=code, password="wrong")

    assert log_in(Client(), code=code).status_code == 302


def test_a_recovery_code_comes_in_once_and_others_stay(doctor):
    codes = add_factor(doctor)
    typed = f"{codes[0][:4]}-{codes[0][4:8]} {codes[0][8:]}"

    assert log_in(Client(), code=typed).status_code == 302
    assert log_in(Client(), code=typed).status_code == 200
    assert log_in(Client(), code=codes[1]).status_code == 302
    assert RecoveryCode.objects.filter(used_at__isnull=True).count() == 8
    assert detail_of("second_factor.used_recovery") == {"person": doctor.pk, "left": 8}
    who = f"user:{doctor.pk}"
    assert told("second_factor").count(("second_factor.used_recovery", who)) == 2


def test_nobody_comes_in_by_the_recovery_code_of_another(doctor):
    codes = add_factor(make_person("dr-lind"))
    add_factor(doctor)

    assert log_in(Client(), code=codes[0]).status_code == 200


def test_whatever_is_wrong_the_page_is_the_same(doctor):
    with_device = make_person("dr-lind")
    add_factor(with_device)
    User.objects.create_user("parent", password=PASSWORD)
    make_person("gone", is_active=False)
    tries: list[dict[str, str]] = [
        {"name": "nobody-of-that-name"},
        {"password": "wrong"},
        {"name": "dr-lind"},
        {"name": "dr-lind", "code": "000000"},
        {"name": "dr-lind", "code": "1234567890123456"},
        {"name": "parent"},
        {"name": "gone"},
    ]

    pages = {
        said(log_in(Client(), address=f"192.0.2.{n}", **given))
        for n, given in enumerate([tries[0], *tries[1:3], *tries[5:]])
    }
    second = {said(log_in(Client(), **given)) for given in tries[3:4]}

    assert len(pages) == 1
    assert REFUSED.format(4) in pages.pop()
    assert REFUSED.format(3) in second.pop()


def test_an_unknown_name_costs_the_same_work_as_a_known_one(doctor, settings):
    path = f"{__name__}.CountingHasher"
    settings.PASSWORD_HASHERS = [path]
    work = {}
    for name in ("dr-osei", "nobody"):
        CountingHasher.times = 0
        log_in(Client(), name, password="wrong")
        work[name] = CountingHasher.times

    assert work == {"dr-osei": 1, "nobody": 1}


def test_the_log_names_nobody_by_what_was_typed(doctor):
    log_in(Client(), "zq-typed-in-the-wrong-field", password="zq-password")
    log_in(Client(), password="zq-password")

    assert told("login") == [
        ("login.failed", "user:unknown"),
        ("login.failed", f"user:{doctor.pk}"),
    ]
    kept = str(list(Audit.objects.values())) + str(list(Door.objects.values()))
    assert "zq-" not in kept
    assert "dr-osei" not in kept
    assert "192.0.2.7" not in str(list(Door.objects.values()))


# --- Doors ----------------------------------------------------------------------------


def test_five_wrong_tries_shut_the_account_even_for_the_right_password(doctor):
    for left in (4, 3, 2, 1, 0):
        assert REFUSED.format(left) in log_in(Client(), password="wrong").text
    page = log_in(Client(), address="198.51.100.1")

    assert REFUSED.format(0) in page.text
    assert detail_of("login.closed") == {"door": "account", "seconds": 60}
    assert len(told("login")) == 6  # what comes to a shut door is not told one by one


def test_an_account_opens_again_and_shuts_for_longer_each_time(doctor):
    with time_machine.travel("2026-11-24T09:00:00Z", tick=False) as clock:
        for _ in range(5):
            log_in(Client(), password="wrong")
        for wait in (60, 120, 240):
            clock.shift(wait - 1)
            assert log_in(Client()).status_code == 200
            clock.shift(1)
            log_in(Client(), password="wrong")
        assert detail_of("login.closed")["seconds"] == 480
        clock.shift(480)
        assert log_in(Client()).status_code == 302
        assert REFUSED.format(4) in log_in(Client(), password="wrong").text


def test_a_name_that_nobody_has_is_shut_in_the_same_way(db):
    for left in (4, 3, 2, 1, 0, 0):
        assert REFUSED.format(left) in log_in(Client(), "nobody").text

    assert told("login")[-1] == ("login.closed", "user:unknown")


@pytest.mark.parametrize("written", ["DR-OSEI", "Dr-Osei", "\uff44\uff52-osei"])
def test_another_spelling_of_a_name_gives_no_more_tries(doctor, written):
    for _ in range(4):
        log_in(Client(), password="wrong")

    assert REFUSED.format(0) in log_in(Client(), written, password="wrong").text


def test_twenty_wrong_tries_shut_an_address_and_no_other(doctor):
    for number in range(20):
        log_in(Client(), f"name-{number}")

    assert log_in(Client()).status_code == 200
    assert log_in(Client(), address="192.0.2.8").status_code == 302
    assert detail_of("login.closed")["door"] == "address"


def test_who_comes_in_does_not_clear_the_address(doctor):
    for number in range(19):
        log_in(Client(), f"name-{number}")
    assert log_in(Client()).status_code == 302

    assert REFUSED.format(0) in log_in(Client(), "name-20").text
    assert log_in(Client()).status_code == 200


def test_a_forwarded_address_is_believed_of_our_own_proxy_alone(doctor, settings):
    for number in range(20):
        given = {"username": f"n{number}", "password": "x"}
        Client().post(LOG_IN, given, HTTP_X_FORWARDED_FOR=f"198.51.100.{number}")
    assert detail_of("login.closed")["door"] == "address"

    from ipaddress import ip_network

    settings.TRUSTED_PROXIES = (ip_network("10.0.0.0/8"),)
    given = {"username": "dr-osei", "password": PASSWORD, "next": "/admin/"}
    response = Client().post(
        LOG_IN, given, REMOTE_ADDR="10.0.0.1", HTTP_X_FORWARDED_FOR="1.1.1.1, 192.0.2.9"
    )
    assert response.status_code == 302
    assert detail_of("login.succeeded")["address"] == "192.0.2.9"


def test_old_doors_are_thrown_away_by_who_comes_in(doctor):
    with time_machine.travel("2020-01-01T00:00:00Z"):
        log_in(Client(), "somebody")
    assert Door.objects.count() == 2

    log_in(Client())

    assert list(Door.objects.values_list("failures", flat=True)) in ([], [0])


# --- The page -------------------------------------------------------------------------


def test_the_page_has_three_fields_with_what_a_browser_fills_them_by(client):
    page = client.get(LOG_IN).text

    for words in ("User name", "Password", "Six-digit code"):
        assert words in page
    assert 'autocomplete="one-time-code"' in page
    assert 'autocomplete="current-password"' in page
    assert "Lost it? Use a recovery code." in page
    assert "written to the audit log" in page
    assert "logged out after 15 minutes without activity" in page
    assert page.index('name="username"') < page.index('name="code"')


def test_nothing_secret_that_was_typed_comes_back(doctor, client):
    page = log_in(client, password="zq-password", code="987654").text

    assert "zq-password" not in page
    assert 'role="alert"' in page


def test_what_is_left_out_costs_no_try(doctor, client):
    for _ in range(6):
        log_in(client, password="")

    assert log_in(client).status_code == 302
