"""A second reader never had the review, nor saw it open: nobody comes back blind."""

from __future__ import annotations

from importlib import import_module
from types import SimpleNamespace
from typing import Any

import pytest
from django.apps import apps
from django.contrib.auth.models import Permission, User
from django.db import DatabaseError, connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from audit.actions import Action
from audit.reading import RECENT
from audit.services import Event, record
from screening.errors import NotYours
from screening.models import Job, Review, SecondRead
from screening.services.handing_over import hand_over
from screening.services.review import (
    acknowledge_flags,
    ask_for_second_read,
    claim_review,
    give_up_claim,
    save_review,
    send_second_read,
)
from screening.services.sight import jobs_seen_by, must_read_blind, to_read_blind
from tests.screening.desk import LIST, page_of, review_of, shown
from tests.screening.signing import make_reader, sign

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("redis")]


@pytest.fixture
def doctor() -> User:
    return make_reader("dr-osei")


@pytest.fixture
def before() -> User:
    return make_reader("dr-before")


def claimed(review: Review, user: User) -> None:
    claim_review(review, user=user)


def saved(review: Review, user: User) -> None:
    save_review(review, user=user, version=1, values={"note": "Mine."})


def ticked(review: Review, user: User) -> None:
    acknowledge_flags(review, user=user, version=1, keys=["k"])


def handed(review: Review, user: User) -> None:
    other = make_reader("dr-other")
    claim_review(review, user=other)
    hand_over(review, user=other, to=user)


def opened(review: Review, user: User) -> None:
    assert desk_of(user).get(page_of(review)).status_code == 200


def opened_as_a_job(review: Review, user: User) -> None:
    user.user_permissions.add(Permission.objects.get(codename="view_job"))
    page = reverse("admin:screening_job_change", args=[review.job_id])
    assert desk_of(user).get(page).status_code == 200


def asked_after(before: User, doctor: User, step: Any = claimed) -> Review:
    """Let one have the review and give it up; another has it and asks."""
    review = review_of()
    step(review, before)
    give_up_claim(review, user=before)
    claim_review(review, user=doctor)
    version = Review.objects.get(pk=review.pk).version
    ask_for_second_read(review, user=doctor, version=version)
    return Review.objects.select_related("job__case", "job__clinic").get(pk=review.pk)


def desk_of(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


STEPS = [claimed, saved, ticked, handed, opened, opened_as_a_job]


@pytest.mark.parametrize("step", STEPS)
def test_who_ever_had_a_review_is_refused_as_its_second_reader(doctor, before, step):
    review = asked_after(before, doctor, step)

    with pytest.raises(NotYours, match="You have seen this review already"):
        send_second_read(review, user=before, risk="discuss", why="My view.")

    assert not SecondRead.objects.exists()
    fresh = make_reader("dr-fresh")
    send_second_read(review, user=fresh, risk="discuss", why="My own view.")


def test_who_handed_a_review_over_is_refused_too(doctor, before):
    review = review_of()
    claim_review(review, user=before)
    hand_over(review, user=before, to=doctor)
    ask_for_second_read(review, user=doctor, version=1)

    with pytest.raises(NotYours, match="You have seen this review already"):
        send_second_read(review, user=before, risk="discuss", why="My view.")


def test_who_opened_anothers_review_is_refused_too(doctor, before):
    review = review_of()
    claim_review(review, user=doctor)
    opened(review, before)
    ask_for_second_read(review, user=doctor, version=1)

    with pytest.raises(NotYours, match="You have seen this review already"):
        send_second_read(review, user=before, risk="discuss", why="My view.")


def test_who_reads_it_blind_or_sees_the_list_alone_stays_blind(doctor, before):
    review = review_of()
    desk_of(before).get(LIST)
    claim_review(review, user=doctor)
    ask_for_second_read(review, user=doctor, version=1)
    desk = desk_of(before)
    assert desk.get(page_of(review)).url == page_of(review, "second_read")
    assert desk.get(page_of(review, "second_read")).status_code == 200

    send_second_read(review, user=before, risk="discuss", why="My own view.")

    assert desk.get(page_of(review)).status_code == 200


@pytest.mark.parametrize("step", [claimed, opened])
def test_the_database_takes_no_second_read_of_who_had_it(doctor, before, step):
    review = asked_after(before, doctor, step)
    view = {"review": review, "first_reader": doctor, "risk": "discuss", "why": "x"}

    with pytest.raises(DatabaseError), transaction.atomic():
        SecondRead.objects.create(**view, reader=before)
    SecondRead.objects.create(**view, reader=make_reader("dr-fresh"))


def test_who_had_it_is_not_asked_and_sees_what_they_have_seen(doctor, before):
    review = asked_after(before, doctor)
    fresh = make_reader("dr-fresh")

    asked = {
        user.username
        for user in (doctor, before, fresh)
        if must_read_blind(review, user) and to_read_blind(user).exists()
    }

    assert asked == {"dr-fresh"}
    assert jobs_seen_by(before, Job.objects.all()).exists()
    assert not jobs_seen_by(fresh, Job.objects.all()).exists()


def test_the_worklist_offers_it_to_who_never_had_it_alone(doctor, before):
    review = asked_after(before, doctor)
    fresh = make_reader("dr-fresh")

    for user, view, cases in (
        (fresh, "second-reads", ["case-1"]),
        (fresh, "needs-me", ["case-1"]),
        (before, "second-reads", []),
        (before, "needs-me", []),
        (before, "others", ["case-1"]),
    ):
        page = desk_of(user).get(f"{LIST}?view={view}")
        assert shown(page) == cases, (user.username, view)
    page = desk_of(before).get(f"{LIST}?view=others").text
    assert "Hidden" not in page[page.index('id="result_list"') :]
    assert desk_of(before).get(page_of(review)).status_code == 200
    away = desk_of(before).get(page_of(review, "second_read"))
    assert away.url == page_of(review)


def test_the_list_takes_no_more_queries_for_more_reviews_to_read_second(doctor, before):
    counts = []
    client = desk_of(before)
    for number in (1, 8):
        while Review.objects.count() < number:
            review = review_of(f"case-{Review.objects.count()}")
            claim_review(review, user=doctor)
            ask_for_second_read(review, user=doctor, version=1)
        client.get(LIST)
        RECENT.forget()  # that it is opened is written down within the twelve, too
        with CaptureQueriesContext(connection) as captured:
            client.get(LIST)
        counts.append(len(captured))

    assert counts[0] == counts[1] <= 12


def test_who_had_it_before_may_have_it_again_while_a_reader_is_awaited(doctor, before):
    review = asked_after(before, doctor)

    hand_over(review, user=doctor, to=before)

    with pytest.raises(NotYours):
        send_second_read(review, user=doctor, risk="discuss", why="My view.")


def test_who_had_the_open_reviews_is_learnt_from_the_audit_log(doctor, before):
    migration = import_module("screening.migrations.0009_had_by")
    review, other = asked_after(before, doctor, handed), review_of("case-2")
    claim_review(other, user=before)
    gone = Event(action=Action.REVIEW_CLAIMED, actor="user:999999", job_id=other.job_id)
    record([gone])
    expected = {
        each.pk: set(each.had_by.values_list("username", flat=True))
        for each in (review, other)
    }
    Review.had_by.through.objects.all().delete()

    editor = SimpleNamespace(connection=connection)
    migration.learn(apps, editor)

    found = {
        each.pk: set(each.had_by.values_list("username", flat=True))
        for each in (review, other)
    }
    assert found == expected
    assert expected[review.pk] == {"dr-other", "dr-before", "dr-osei"}


@pytest.mark.parametrize("step", [opened, opened_as_a_job])
def test_who_saw_the_open_reviews_is_learnt_from_the_audit_log(doctor, before, step):
    migration = import_module("screening.migrations.0014_seen_open")
    review = review_of()
    step(review, before)
    claim_review(review, user=doctor)
    gone = Event(
        action=Action.RECORD_OPENED,
        actor="user:999999",
        job_id=review.job_id,
        detail={"page": "review"},
    )
    record([gone])
    review.had_by.remove(before)

    migration.learn(apps, SimpleNamespace(connection=connection))

    names = review.had_by.values_list("username", flat=True)
    assert set(names) == {"dr-before", "dr-osei"}


def test_who_has_seen_a_case_is_forgotten_once_it_is_signed(doctor, before):
    review, other = review_of(), review_of("case-2")
    claim_review(other, user=before)
    opened(review, before)

    sign(review, user=doctor)

    seen = Review.had_by.through.objects.values_list("review_id", "user_id")
    assert list(seen) == [(other.pk, before.pk)]


LEFT = "Nobody is left to read it second."


def test_the_case_says_that_nobody_is_left_to_read_it(doctor, before):
    review = asked_after(before, doctor, opened)

    assert LEFT in desk_of(doctor).get(page_of(review)).text

    fresh = make_reader("dr-fresh")
    assert LEFT not in desk_of(doctor).get(page_of(review)).text
    review.clinic.members.remove(fresh)
    assert LEFT in desk_of(doctor).get(page_of(review)).text
