"""Coming in and signing where a second factor is required, from the first day on."""

from __future__ import annotations

import re
import time
from base64 import b32decode
from collections.abc import Iterator

import pytest
from django_otp.oath import totp

from pediscreen_site.demo.cases import answers
from tests.browser.checks import findings
from tests.browser.desk import Clinic, working_clinic
from tests.browser.people import PASSWORD
from tests.browser.steps import (
    let_family_read,
    log_in_by_form,
    open_case,
    press,
    words_of,
)

pytestmark = [pytest.mark.browser, pytest.mark.system]
LOOKS = [(1440, False), (1440, True), (320, False)]


@pytest.fixture(scope="module")
def strict() -> Iterator[Clinic]:
    """A product at work in which everybody needs a second factor."""
    with working_clinic(REQUIRE_SECOND_FACTOR="true") as found:
        yield found


def next_code(key: bytes, last: str) -> str:
    """Wait for a code that was not used yet, as whoever looks at a phone does.

    After two wrong codes none is taken for two seconds.
    """
    time.sleep(2.5)
    while (code := f"{totp(key):06}") == last:
        time.sleep(0.5)
    return code


def test_the_first_day_of_a_clinician_with_a_phone(strict, window):
    strict.submit("PHONE-1", age_months=24, milestones=answers(24))
    reader = window(strict)
    log_in_by_form(reader, "osei")
    assert reader.path == "/admin/second-factor/set-up/"
    reader.open("/admin/")
    assert reader.path == "/admin/second-factor/set-up/"

    press(reader, "Show the QR code")
    assert not (wrong := findings(reader, LOOKS)), wrong
    secret = reader.page.locator(".secret").inner_text().replace(" ", "")
    key = b32decode(secret)
    code = f"{totp(key):06}"
    reader.page.get_by_label("Six-digit code").fill(code)
    press(reader, "Confirm")
    assert "Ten recovery codes" in words_of(reader)
    assert not (wrong := findings(reader, LOOKS)), wrong
    recovery = reader.page.locator(".recovery code").first.inner_text()
    with reader.page.expect_navigation():
        reader.page.get_by_role("link", name="I have kept them").click()
    assert reader.path == "/admin/"

    other = window(strict)
    log_in_by_form(other, "osei")
    assert other.path == "/admin/login/"
    assert re.search("did not work|not right", words_of(other))
    other.page.get_by_label("Password").fill(PASSWORD)
    other.page.get_by_label("Six-digit code").fill(recovery)
    press(other, "Log in")
    assert other.path == "/admin/"

    open_case(other, "PHONE-1")
    let_family_read(other)
    press(other, "Sign off…")
    other.page.get_by_label("Your password").fill(PASSWORD)
    other.page.get_by_label("Six-digit code").fill("000000")
    press(other, "Sign off as On track")
    assert "Nothing was signed." in words_of(other)
    other.page.get_by_label("Your password").fill(PASSWORD)
    other.page.get_by_label("Six-digit code").fill(next_code(key, code))
    press(other, "Sign off as On track")
    assert "Osei" in words_of(other)
    assert "Signed" in words_of(other)
    for path in ("/admin/second-factor/", "/admin/second-factor/recovery-codes/"):
        other.open(path)
        assert not (wrong := findings(other, LOOKS)), wrong
