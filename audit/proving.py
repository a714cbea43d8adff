"""Proofs out of the stored log, each checked before it is handed out."""

from __future__ import annotations

from dataclasses import dataclass

from django.db import transaction
from django.db.models import QuerySet

from audit.actions import Action
from audit.models import Audit, Checkpoint
from audit.proofs.bundles import consistency_bundle, inclusion_bundle
from audit.proofs.checkpoints import Checkpoint as Signed
from audit.proofs.merkle import (
    NoSuchProof,
    ProofRefused,
    leaf_hash,
    verify_consistency,
    verify_inclusion,
)
from audit.services import Event, record
from audit.tree import proof_of_consistency, proof_of_inclusion


class NotSealed(Exception):
    """The event has no place in a signed tree yet."""


class NotProven(Exception):
    """The stored log does not prove it: it is broken. The message quotes no event."""


@dataclass(frozen=True, slots=True)
class Proof:
    """A proof bundle, and the place of its event."""

    index: int
    text: str


def prove_events(events: QuerySet[Audit]) -> list[Proof]:
    """Prove that each of the events is in the log of the newest checkpoint.

    Raises:
        NotSealed: one of them is not, yet.
        NotProven: the stored log does not lead to what was signed.
    """
    checkpoint = Checkpoint.objects.first()
    ordered = events.order_by("leaf__tree_index", "pk")
    rows: list[tuple[str, int | None]] = list(
        ordered.values_list("canonical", "leaf__tree_index")
    )
    proofs = []
    for canonical, index in rows:
        if checkpoint is None or index is None or index >= checkpoint.size:
            raise NotSealed("The event is not sealed yet: try again in a few seconds.")
        proofs.append(_proof(canonical, index, checkpoint))
    return proofs


def hand_out(event: Audit, *, actor: str) -> Proof:
    """Prove one event to somebody. That it was handed out is an event of the same case.

    Raises:
        NotSealed, NotProven: see `prove_events`; then nothing is recorded.
    """
    with transaction.atomic(durable=True):
        [proof] = prove_events(Audit.objects.filter(pk=event.pk))
        handed_out = Event(
            action=Action.AUDIT_PROVEN,
            actor=actor,
            clinic=event.clinic,
            case_id=event.case_id,
            job_id=event.job_id,
            detail={"events": 1, "index": proof.index},
        )
        record([handed_out])
    return proof


def prove_growth(old: tuple[Signed, str], new: tuple[Signed, str]) -> str:
    """Prove that the log has only grown between two checkpoints, with their notes.

    Raises:
        NotProven: it has not, by what is stored, or no log grows so.
    """
    (was, old_note), (now, new_note) = old, new
    try:
        proof = proof_of_consistency(was.size, now.size)
        verify_consistency(
            old=was.size,
            new=now.size,
            proof=proof,
            old_root=was.root,
            new_root=now.root,
        )
    except NoSuchProof as exc:
        raise NotProven(f"{exc}") from exc
    except (KeyError, ProofRefused) as exc:
        raise NotProven("the stored log does not lead from one to the other") from exc
    return consistency_bundle(old=old_note, new=new_note, proof=proof)


def _proof(canonical: str, index: int, checkpoint: Checkpoint) -> Proof:
    try:
        proof = proof_of_inclusion(index, checkpoint.size)
        verify_inclusion(
            leaf=leaf_hash(canonical.encode()),
            index=index,
            size=checkpoint.size,
            proof=proof,
            root=bytes(checkpoint.root),
        )
    except (KeyError, ProofRefused) as exc:
        raise NotProven("the stored event does not lead to the signed root") from exc
    return Proof(
        index,
        inclusion_bundle(
            canonical=canonical,
            index=index,
            size=checkpoint.size,
            proof=proof,
            checkpoint=checkpoint.note,
        ),
    )
