"""Many give and revoke the same consent at the same time, on a database of its own."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.db import connections

from audit.models import Audit
from consent.errors import ConsentOfAnotherCase
from consent.models import Consent
from consent.services import revoke_consent
from tests.consent.making import give
from tests.system.stack import Stack

pytestmark = pytest.mark.system

ROUNDS = 6
THREADS = 8


@pytest.fixture
def shared(django_db_blocker: Any) -> Iterator[str]:
    """A database in which the default connection of every other thread is.

    What one of them commits the others see; this thread reads it by the name given.
    """
    own = connections.databases["default"]
    with Stack() as stack, django_db_blocker.unblock():
        theirs = {**own, "NAME": stack.database}
        connections.databases.update(default=theirs, shared=dict(theirs))
        yield "shared"
        connections["shared"].close()
        connections.databases["default"] = own
        del connections.databases["shared"]
        del connections["shared"]


def at_once(step: Callable[[int], Any]) -> list[Any]:
    """Run a step in many threads together; return what each gave, or raised."""
    found: list[Any] = []
    together = threading.Barrier(THREADS)

    def run(number: int) -> None:
        together.wait()
        try:
            found.append(step(number))
        except Exception as exc:  # noqa: BLE001 - whatever it is, the test is to see it
            found.append(exc)
        finally:
            connections["default"].close()

    threads = [threading.Thread(target=run, args=[n]) for n in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return found


def versions(shared: str, consent_id: str) -> list[int]:
    rows = Consent.objects.using(shared).filter(consent_id=consent_id)
    return list(rows.order_by("version").values_list("version", flat=True))


def told(shared: str, consent_id: str) -> list[tuple[str, int]]:
    rows = Audit.objects.using(shared).filter(detail__consent_id=consent_id)
    return sorted(
        (event.action, event.detail["version"]) for event in rows.order_by("id")
    )


def test_the_same_given_by_many_is_one_version_with_one_event(shared):
    for turn in range(ROUNDS):
        name = f"same-{turn}"

        found = at_once(lambda n, name=name: give(consent_id=name).pk)

        assert set(Counter(found).values()) == {THREADS}, found
        assert versions(shared, name) == [1]
        assert told(shared, name) == [("consent.given", 1)]


@pytest.mark.parametrize("known", [False, True], ids=["new", "known"])
def test_other_things_given_at_once_are_a_version_each(shared, known):
    for turn in range(ROUNDS):
        name = f"other-{turn}"
        if known:
            at_once(lambda n, name=name: give(consent_id=name, scopes=[]))

        found = at_once(
            lambda n, name=name: (
                give(
                    consent_id=name,
                    scopes=["research"] if n % 2 else ["screening"],
                    given_by=["parent", "guardian", "self", "clinician"][n // 2],
                ).version
            )
        )

        expected = list(range(1, THREADS + 1 + known))
        assert sorted(found) == expected[known:], found
        assert versions(shared, name) == expected
        assert told(shared, name) == [("consent.given", v) for v in expected]


def test_of_two_cases_with_one_identifier_one_has_it(shared):
    for turn in range(ROUNDS):
        name = f"case-{turn}"

        found = at_once(
            lambda n, name=name: give(consent_id=name, case_id=f"RC-{n}").case_id
        )

        [got] = [one for one in found if isinstance(one, str)]
        refused = [one for one in found if isinstance(one, ConsentOfAnotherCase)]
        assert len(refused) == THREADS - 1, found
        [row] = Consent.objects.using(shared).filter(consent_id=name)
        assert (row.version, row.case_id) == (1, got)


def test_revoked_by_many_it_is_revoked_once_with_one_event(shared):
    for turn in range(ROUNDS):
        name = f"revoked-{turn}"
        at_once(lambda n, name=name: give(consent_id=name))

        found = at_once(
            lambda n, name=name: (
                revoke_consent(
                    clinic="riverside", consent_id=name, actor=f"user:{n}"
                ).revoked_by
            )
        )

        assert len(set(found)) == 1, found
        assert told(shared, name) == [("consent.given", 1), ("consent.revoked", 1)]


def test_what_is_revoked_while_it_changes_leaves_one_newest_version(shared):
    for turn in range(ROUNDS):
        name = f"mixed-{turn}"
        at_once(lambda n, name=name: give(consent_id=name))

        def step(n: int, name: str = name) -> str:
            if n % 2:
                revoke_consent(clinic="riverside", consent_id=name, actor="user:1")
                return "revoked"
            return f"given {give(consent_id=name, scopes=['research']).version}"

        found = at_once(step)

        assert not [one for one in found if isinstance(one, Exception)], found
        rows = Consent.objects.using(shared).filter(consent_id=name)
        stored = list(rows.with_state().order_by("version"))
        assert [row.version for row in stored] == list(range(1, len(stored) + 1))
        assert stored[-1].state != "replaced"
        revoked = [row.version for row in stored if row.state == "revoked"]
        assert told(shared, name) == [
            *(("consent.given", row.version) for row in stored),
            *(("consent.revoked", version) for version in revoked),
        ]
