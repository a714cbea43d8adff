"""The clinician's side of a job, up to its signature: claimed, written, read twice."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.db.models import Case, F, Q, QuerySet, When
from django.db.models.functions import Coalesce, Now
from django.utils import timezone

from audit.actions import Action
from audit.services import Event, record
from screening.documents.committed import WRITTEN, commitment, saved_bytes
from screening.errors import NotReady, NotYours, StalePage
from screening.models import Review, SecondRead
from screening.results import RISING
from screening.services.sight import has_seen, reviews_seen_by

ASKED = "asked"
LOWERED_REFER = "lowered_refer"


def reviews_of(user: User) -> QuerySet[Review]:
    """Return the reviews that a person may see; see `reviews_seen_by`."""
    reviews = Review.objects.select_related("job__case", "job__clinic")
    return reviews_seen_by(user, reviews)


def claim_review(review: Review, *, user: User) -> None:
    """Take a review that nobody has. To claim one's own again is harmless.

    Raises:
        NotYours: another person has it, or it is signed, or another clinic's.
    """
    with transaction.atomic(durable=True):
        own = open_reviews(review, user).filter(Q(assignee=None) | Q(assignee=user))
        if not own.update(assignee=user, claimed_at=Now(), updated_at=Now()):
            raise NotYours("Somebody else has this review, or it is signed.")
        review.had_by.add(user)
        record([review_event(review, Action.REVIEW_CLAIMED, user)])


def give_up_claim(review: Review, *, user: User) -> None:
    """Leave a review to whoever comes next; what was written stays.

    It stays known that the person had it. To leave one that is not yours does nothing.
    """
    with transaction.atomic(durable=True):
        own = open_reviews(review, user).filter(assignee=user)
        if own.update(assignee=None, claimed_at=None, updated_at=Now()):
            record([review_event(review, Action.REVIEW_RELEASED, user)])


def save_review(
    review: Review, *, user: User, version: int, values: Mapping[str, Any]
) -> int:
    """Store what was written, over the version that the writer saw; return the new one.

    Who saves has the review. A changed family text needs its approval anew. The event
    commits to all that stands in the review then.

    Raises:
        StalePage: somebody has saved since, or has the review, or it is signed.
    """
    assert set(values) <= set(WRITTEN), values
    with transaction.atomic(durable=True):
        changed = dict(values)
        if "parent_text" in values:
            changed |= {
                name: _kept_with(name, parent_text=values["parent_text"])
                for name in ("family_approved_by", "family_approved_at")
            }
        _write(review, user, version, changed)
        saved = Review.objects.filter(pk=review.pk).values("job__salt", *WRITTEN).get()
        event = review_event(
            review,
            Action.REVIEW_SAVED,
            user,
            version=version + 1,
            fields=sorted(values),
            **commitment(saved_bytes(review.job_id, saved), salt=saved["job__salt"]),
        )
        record([event])
    return version + 1


def acknowledge_flags(
    review: Review, *, user: User, version: int, keys: list[str]
) -> int:
    """Store that the person has read safety flags of the draft; return the new version.

    Raises:
        StalePage: see `save_review`.
    """
    with transaction.atomic(durable=True):
        known = list(Review.objects.get(pk=review.pk).acknowledged)
        have = {entry["key"] for entry in known}
        when = timezone.now().isoformat()
        known += [
            {"key": key, "by": user.pk, "at": when} for key in keys if key not in have
        ]
        _write(review, user, version, {"acknowledged": known})
        record(
            [
                review_event(
                    review, Action.REVIEW_FLAG_ACKNOWLEDGED, user, flags=len(keys)
                )
            ]
        )
    return version + 1


def approve_family_text(review: Review, *, user: User, version: int) -> int:
    """Store that the family may read the text as it is; return the new version.

    Raises:
        StalePage: see `save_review`.
    """
    with transaction.atomic(durable=True):
        _write(
            review,
            user,
            version,
            {"family_approved_by": user, "family_approved_at": Now()},
        )
        record([review_event(review, Action.REVIEW_FAMILY_APPROVED, user)])
    return version + 1


def withdraw_family_approval(review: Review, *, user: User, version: int) -> int:
    """Store that the family may not read the text after all; return the new version.

    Raises:
        StalePage: see `save_review`.
    """
    with transaction.atomic(durable=True):
        nobody = {"family_approved_by": None, "family_approved_at": None}
        _write(review, user, version, nobody)
        record([review_event(review, Action.REVIEW_FAMILY_WITHDRAWN, user)])
    return version + 1


def ask_for_second_read(review: Review, *, user: User, version: int) -> int:
    """Store that a second reader is to give a view; return the new version.

    Raises:
        StalePage: see `save_review`.
    """
    with transaction.atomic(durable=True):
        _write(review, user, version, {"second_read_for": ASKED})
        record([review_event(review, Action.REVIEW_SECOND_READ_ASKED, user)])
    return version + 1


def send_second_read(review: Review, *, user: User, risk: str, why: str) -> SecondRead:
    """Store a second reader's own view, once and for good.

    Raises:
        NotYours: the person has the review or has seen it, and so is not blind.
        NotReady: nobody has it yet, or a view was given already, or none is usable, or
            it is another clinic's.
    """
    if risk not in RISING or not why.strip():
        raise NotReady("A second read gives a risk and says why.")
    with transaction.atomic(durable=True):
        found = open_reviews(review, user).select_for_update(of=("self",)).first()
        if found is None or found.assignee_id is None:
            raise NotReady("The first reader has not taken this review yet.")
        if found.assignee_id == user.pk:
            raise NotYours("A second read is another person's.")
        if has_seen(found, user):
            raise NotYours(
                "You have seen this review already. A second read is given by "
                "somebody who has not."
            )
        try:
            with transaction.atomic():
                read = SecondRead.objects.create(
                    review=found,
                    first_reader_id=found.assignee_id,
                    reader=user,
                    risk=risk,
                    why=why.strip(),
                )
        except IntegrityError:
            raise NotReady("A second view was given already.") from None
        record([review_event(review, Action.REVIEW_SECOND_READ, user)])
    return read


def adjudicate(review: Review, *, user: User, risk: str, why: str) -> None:
    """Store what a third person decides where two readers differ, once and for good.

    Raises:
        NotYours: the person is one of the two readers, or has not got the right.
        NotReady: there is nothing to decide, or it is decided already.
    """
    if risk not in RISING or not why.strip():
        raise NotReady("A decision gives a risk and says why.")
    if not user.has_perm("screening.adjudicate_review"):
        raise NotYours("Only who has the right decides between two readers.")
    with transaction.atomic(durable=True):
        if not open_reviews(review, user).exists():
            raise NotYours("The review is signed, or another clinic's.")
        read = SecondRead.objects.filter(review=review).first()
        if read is None:
            raise NotReady("There are not two readers yet.")
        if user.pk in {read.first_reader_id, read.reader_id}:
            raise NotYours("A third person decides between two readers.")
        decided = SecondRead.objects.filter(pk=read.pk, adjudicator=None).update(
            adjudicator=user,
            adjudicated_risk=risk,
            adjudicated_why=why.strip(),
            adjudicated_at=Now(),
        )
        if not decided:
            raise NotReady("It is decided already.")
        record([review_event(review, Action.REVIEW_ADJUDICATED, user)])


def open_reviews(review: Review, user: User) -> QuerySet[Review]:
    """Keep the review if it is not signed, and of one of the person's clinics."""
    kept = reviews_of(user).filter(pk=review.pk, state=Review.State.REQUIRES_REVIEW)
    return Review.objects.filter(pk__in=kept.values("pk"))


def signed_before(review: Review, *, most: int) -> list[tuple[str, Any, Any, Any]]:
    """List the newest signed screenings of the case before this one, newest first.

    Each with the signed risk, the age, the birth week and the answers: no words.
    """
    earlier = Review.objects.filter(
        job__case_id=review.job.case_id,
        job__created_at__lt=review.job.created_at,
        state__in=[Review.State.SIGNED_OFF, Review.State.DELIVERED],
    )
    shown = ("risk", "age_months", "gestational_weeks", "job__payload__milestones")
    return list(earlier.order_by("-job__created_at").values_list(*shown)[:most])


def review_event(review: Review, action: Action, user: User, **detail: Any) -> Event:
    """Name a review by its job; ``detail`` holds codes, counts and versions."""
    return Event(
        action=action,
        actor=f"user:{user.pk}",
        clinic=review.job.clinic.slug,
        case_id=review.job.case.case_id,
        job_id=review.job_id,
        detail=detail,
    )


def _kept_with(name: str, **same: Any) -> Case:
    """Keep a column where others stay as they are, and empty it otherwise."""
    return Case(When(**same, then=F(name)), default=None)


def _write(review: Review, user: User, version: int, values: Mapping[str, Any]) -> None:
    """Change the one version that the writer saw, in the caller's transaction.

    Raises:
        StalePage: it is not the newest any more, or not the writer's.
    """
    seen = open_reviews(review, user).filter(
        Q(assignee=None) | Q(assignee=user), version=version
    )
    written = seen.update(
        **values,
        assignee=user,
        claimed_at=Coalesce(F("claimed_at"), Now()),
        version=F("version") + 1,
        updated_at=Now(),
    )
    if not written:
        newest = Review.objects.filter(pk=review.pk).values("version", "state").get()
        raise StalePage(
            "Somebody has saved, taken over or signed this review since you opened it. "
            "Nothing of yours was stored.",
            version=newest["version"],
            state=newest["state"],
        )
    review.had_by.add(user)
