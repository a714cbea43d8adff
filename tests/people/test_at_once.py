"""Many at the same moment get no more tries, and no more out of a code, than one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connections

from people.errors import LogInRefused
from people.models import Door
from people.services.coming_in import come_in
from people.services.factors import use_code
from tests.consent.test_at_once import THREADS, at_once
from tests.people.making import PASSWORD, add_factor, code_of, make_person
from tests.system.stack import Stack

pytestmark = pytest.mark.system


@pytest.fixture
def own_database(django_db_blocker: Any) -> Iterator[None]:
    """Let the connections of this test, in each thread, be to a database of its own."""
    before = connections.databases["default"]
    with Stack() as stack, django_db_blocker.unblock():
        connections["default"].close()
        del connections["default"]
        connections.databases["default"] = {**before, "NAME": stack.database}
        yield
        connections["default"].close()
        connections.databases["default"] = before
        del connections["default"]


def tries(found: list[Any]) -> list[int]:
    assert all(isinstance(each, LogInRefused) for each in found), found
    return sorted(each.tries_left for each in found)


def test_guesses_at_the_same_moment_are_counted_one_by_one(own_database):
    make_person()

    def guess(number: int) -> Any:
        return come_in(name="dr-osei", password="wrong", code="", address="192.0.2.7")

    found = at_once(guess)

    assert THREADS == 8
    assert tries(found) == [0, 0, 0, 0, 1, 2, 3, 4]
    assert set(Door.objects.values_list("failures", flat=True)) == {5}


def test_of_those_who_use_a_code_at_the_same_moment_one_gets_in(own_database):
    doctor = make_person()
    codes = add_factor(doctor)
    app = code_of(doctor)

    for code in (app, codes[0]):
        person = User.objects.get(pk=doctor.pk)
        found = at_once(lambda number, code=code, person=person: use_code(person, code))
        assert sorted(found, key=str) == [False] * (THREADS - 1) + [True]
    assert person.check_password(PASSWORD)
