"""Events are taken out of the log as they are, or as FHIR, and that is recorded."""

from __future__ import annotations

import io
import json
import warnings
from datetime import timedelta
from typing import Any

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from audit.actions import Action
from audit.models import Audit
from audit.services import Event, record

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from fhir.resources.R4B.auditevent import AuditEvent

pytestmark = pytest.mark.django_db


def write(number: int = 1, **given: Any) -> None:
    record(
        Event(action=Action.JOB_STARTED, actor="worker:host-1", **given)
        for _ in range(number)
    )


def exported(*options: str) -> list[str]:
    out = io.StringIO()
    call_command("audit_export", *options, stdout=out)
    return out.getvalue().splitlines()


def test_events_leave_as_their_own_texts_oldest_first():
    write(3)
    texts = list(Audit.objects.order_by("id").values_list("canonical", flat=True))

    assert exported() == texts


def test_events_leave_as_fhir_one_a_line():
    write(2, clinic="riverside", case_id="RC-2041")

    lines = exported("--format", "fhir")

    ids = Audit.objects.filter(action=Action.JOB_STARTED).order_by("id")
    assert [json.loads(line)["id"] for line in lines] == [
        str(each.event_id) for each in ids
    ]
    for line in lines:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            AuditEvent.model_validate_json(line)


def test_the_same_events_are_the_same_lines():
    write(2)
    before = exported("--format", "fhir")
    after = exported("--format", "fhir")

    assert after[:2] == before


def test_that_events_left_is_an_event_which_is_not_among_them():
    write()

    assert len(exported("--format", "fhir", "--from", "2020-01-01")) == 1

    event = Audit.objects.get(action=Action.AUDIT_EXPORTED)
    assert event.actor == "system:audit_export"
    assert event.detail == {"form": "fhir", "from": "2020-01-01T00:00:00.000000Z"}


def test_only_what_is_of_the_case_and_clinic_leaves():
    write(clinic="riverside", case_id="RC-1")
    write(clinic="riverside", case_id="RC-2")
    write(clinic="hilltop", case_id="RC-1")

    [line] = exported("--case", "RC-1", "--clinic", "hilltop")
    assert json.loads(line)["entity"] == {"case_id": "RC-1", "clinic": "hilltop"}
    # The export before is an event of this case too.
    assert len(exported("--case", "RC-1")) == 3


def test_only_what_is_between_the_times_leaves_and_the_end_is_not_included():
    write()
    at = Audit.objects.get().occurred_at.replace(microsecond=0)
    later = at + timedelta(seconds=1)

    assert len(exported("--from", at.isoformat(), "--to", later.isoformat())) == 1
    assert exported("--from", later.isoformat(), "--to", later.isoformat()) == []
    assert exported("--to", at.isoformat()) == []


@pytest.mark.parametrize("option", ["--from", "--to"])
def test_what_is_no_time_is_refused(option):
    with pytest.raises(CommandError, match="ISO 8601"):
        exported(option, "yesterday")

    assert not Audit.objects.exists()
