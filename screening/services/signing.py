"""Signatures: made once, under exactly one content, by whoever proves who it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import DateTimeField, ExpressionWrapper, Max
from django.db.models.functions import Now

from audit.actions import Action
from audit.services import count_of, record
from people.services.factors import needs_code, use_code
from screening.documents.committed import commitment
from screening.errors import NotReady, NotYours, StalePage, WrongPassword
from screening.models import Addendum, Review, SecondRead, Signature
from screening.reports import (
    Report,
    Todo,
    changes,
    digest_of,
    left_to_do,
    meaning_of,
    outcome_of,
    report_of,
    signed_bytes,
)
from screening.results import UNCLASSIFIED
from screening.safety import unacknowledged, unsafe_for_family
from screening.services.review import open_reviews, review_event, reviews_of
from screening.services.webhooks.outbox import signed_off, tell

MOST_TRIES = 5
TRIES_SECONDS = 900.0


def draft_of(review: Review) -> Report:
    """Return the draft as far as it is usable; without one, nothing but that."""
    job = review.job
    if job.result is None or job.result_problems:
        return Report(risk=UNCLASSIFIED)
    return report_of(job.result)


def left_before_signing(review: Review) -> tuple[Todo, ...]:
    """List what is left to do before the review may be signed."""
    read = SecondRead.objects.filter(review=review).first()
    report = report_of(_written(review))
    return left_to_do(
        report,
        listed=review.job.risk,
        reason_code=review.reason_code,
        reason_text=review.reason_text,
        unacknowledged=unacknowledged(
            draft_of(review),
            report,
            {entry["key"] for entry in review.acknowledged},
        ),
        unsafe_for_family=unsafe_for_family(report),
        family_approved=review.family_approved_at is not None,
        second_read_for=review.second_read_for,
        second_risk=read.risk if read else "",
        decided_risk=read.adjudicated_risk if read else "",
    )


def sign_off(
    review: Review,
    *,
    user: User,
    password: str,
    version: int,
    code: str = "",
    code_seen_at: datetime | None = None,
) -> Review:
    """Sign a review: store who, when, what it means, what was changed, and its digest.

    The outcome and the sentence are computed from the differences between draft and
    report. From then on the database itself refuses every change. One transaction.

    Who has a second factor gives a ``code`` too, unless ``code_seen_at`` says that the
    same session has signed with one within the idle time.

    Raises:
        NotYours: the person has not got the right, or not the review.
        WrongPassword: nothing was signed, for the password or the code was wrong; five
            times in a quarter of an hour at most.
        StalePage: the page is not of the newest version.
        NotReady: something is left to do; ``left`` names it.
    """
    if not user.has_perm("screening.sign_off_review"):
        raise NotYours("Only who has the right signs.")
    _prove(review, user, password, code, code_seen_at)
    with transaction.atomic(durable=True):
        found = _newest(review, user, version)
        left = left_before_signing(found)
        if left:
            raise NotReady(
                "Nothing was signed. Something is left to do first.",
                left=[todo.words for todo in left],
            )
        values = _signature_values(found, user)
        Signature.objects.create(
            review=found,
            person=user,
            content=values["content"],
            content_digest=values["content_digest"],
            signed_at=values["signed_off_at"],
        )
        kept = {name: value for name, value in values.items() if name != "content"}
        Review.objects.filter(pk=found.pk, version=version).update(
            **kept, state=Review.State.SIGNED_OFF, signed_off_by=user, assignee=user
        )
        # Nobody reads second what is signed, and each worklist asks who has seen what.
        found.had_by.clear()
        record(
            [
                review_event(
                    found,
                    Action.REVIEW_SIGNED,
                    user,
                    version=version,
                    outcome=values["outcome"],
                    **commitment(signed_bytes(values["content"]), salt=found.job.salt),
                )
            ]
        )
        tell([signed_off(found.job)])
    signed: Review = reviews_of(user).get(pk=review.pk)
    return signed


def add_addendum(
    review: Review,
    *,
    user: User,
    password: str,
    text: str,
    code: str = "",
    code_seen_at: datetime | None = None,
) -> Addendum:
    """Add a signed text to a signed report, which itself stays as it is.

    Password and code are asked for as in `sign_off`.

    Raises:
        NotYours, WrongPassword: see `sign_off`.
        NotReady: the report is not signed, or there is no text.
    """
    if not user.has_perm("screening.sign_off_review"):
        raise NotYours("Only who has the right signs.")
    if not text.strip():
        raise NotReady("An addendum has a text.")
    _prove(review, user, password, code, code_seen_at)
    with transaction.atomic(durable=True):
        signed = reviews_of(user).filter(
            pk=review.pk, state__in=[Review.State.SIGNED_OFF, Review.State.DELIVERED]
        )
        if not signed.exists():
            raise NotReady("Only a signed report has addenda.")
        # Locks the review, so that two addenda get two numbers.
        locked = Review.objects.select_for_update(of=("self",))
        salt = locked.select_related("job").get(pk=review.pk).job.salt
        last = Addendum.objects.filter(review=review).aggregate(Max("number"))
        number = (last["number__max"] or 0) + 1
        content = {
            "review": review.pk,
            "number": number,
            "text": text,
            "signed_by": user.pk,
        }
        addendum = Addendum.objects.create(
            review=review,
            number=number,
            text=text,
            signed_off_by=user,
            signer_name=_name(user),
            content_digest=digest_of(content),
        )
        record(
            [
                review_event(
                    review,
                    Action.REVIEW_ADDED_TO,
                    user,
                    number=number,
                    **commitment(signed_bytes(content), salt=salt),
                )
            ]
        )
    return addendum


def release_report(review: Review, *, user: User) -> None:
    """Let a signed report leave. To release it again is harmless.

    Raises:
        NotYours: the person has not got the right, or the review is another clinic's.
        NotReady: it is not signed.
    """
    if not user.has_perm("screening.release_review"):
        raise NotYours("Only who has the right releases a report.")
    with transaction.atomic(durable=True):
        own = reviews_of(user).filter(pk=review.pk)
        if not own.exists():
            raise NotYours("The review is another clinic's.")
        released = Review.objects.filter(
            pk=review.pk, state=Review.State.SIGNED_OFF
        ).update(state=Review.State.DELIVERED, released_at=Now(), released_by=user)
        if released:
            record([review_event(review, Action.REVIEW_DELIVERED, user)])
        elif not own.filter(state=Review.State.DELIVERED).exists():
            raise NotReady("Only a signed report is released.")


def _prove(
    review: Review,
    user: User,
    password: str,
    code: str,
    code_seen_at: datetime | None,
) -> None:
    """Refuse a wrong password or code, and any after five in a quarter of an hour.

    A code is taken only with the right password, and then once. Where both are asked
    for, the refusal does not say which was wrong.

    Raises:
        WrongPassword: with how many tries are left.
    """
    wrong = count_of(
        Action.REVIEW_SIGN_REFUSED, actor=f"user:{user.pk}", seconds=TRIES_SECONDS
    )
    asks_code = needs_code(user, seen_at=code_seen_at)
    if (
        wrong < MOST_TRIES
        and user.check_password(password)
        and (not asks_code or use_code(user, code))
    ):
        return
    left = max(MOST_TRIES - wrong - 1, 0)
    what = "WRONG_PASSWORD_OR_CODE" if asks_code else "WRONG_PASSWORD"
    with transaction.atomic(durable=True):
        record([review_event(review, Action.REVIEW_SIGN_REFUSED, user, code=what)])
    said = "password is not right"
    if asks_code:
        said = "password and the code are not both right"
    raise WrongPassword(
        f"Nothing was signed. The {said}. {left} tries left.", tries_left=left
    )


def _newest(review: Review, user: User, version: int) -> Review:
    found = (
        open_reviews(review, user)
        .select_for_update(of=("self",))
        .select_related("job__case", "job__clinic")
        .annotate(now=ExpressionWrapper(Now(), output_field=DateTimeField()))
        .first()
    )
    if found is None or found.version != version:
        raise StalePage(
            "Nothing was signed. Somebody has saved, taken over or signed this review "
            "since you opened it.",
            version=found.version if found else None,
        )
    if found.assignee_id not in {None, user.pk}:
        raise NotYours("Nothing was signed. Somebody else has this review.")
    return found


def _signature_values(review: Any, user: User) -> dict[str, Any]:
    """Reckon all that a signature stores, from the row alone."""
    draft, report = draft_of(review), report_of(_written(review))
    found = changes(draft, report)
    outcome, meaning = outcome_of(found), meaning_of(draft, report)
    differences = [asdict(change) for change in found]
    content = {
        "job_id": str(review.job_id),
        "case_id": review.job.case.case_id,
        "clinic": review.job.clinic.slug,
        "version": review.version,
        **asdict(report),
        "reason_code": review.reason_code,
        "reason_text": review.reason_text,
        "model_id": review.job.model_id,
        "outcome": outcome,
        "meaning": meaning,
        "changes": differences,
        "signed_by": user.pk,
        "signer_name": _name(user),
        "signed_at": review.now.isoformat(),
    }
    return {
        "outcome": outcome,
        "meaning": meaning,
        "changes": differences,
        "signer_name": _name(user),
        "signed_off_at": review.now,
        "content": content,
        "content_digest": digest_of(content),
    }


def _written(review: Review) -> Mapping[str, Any]:
    return {
        "risk": review.risk,
        "summary": review.summary,
        "recommendations": review.recommendations,
        "parent_text": review.parent_text,
    }


def _name(user: User) -> str:
    return user.get_full_name() or user.get_username()
