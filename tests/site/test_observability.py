"""The document of metrics lists what there is, no more and no less."""

from __future__ import annotations

import re

import pytest

from audit.counting import COUNTED
from audit.services import Event, record
from pediscreen_site.metrics import registry
from routing.counts import KEY
from routing.models import TargetHealth
from screening.models import Job
from screening.services.erasure import erase_case
from tests.routing.making import make_agent
from tests.screening.erasing import full_case
from tests.servers import ROOT

pytestmark = pytest.mark.django_db

CERTIFICATES = ROOT / "tests" / "site" / "test_certificates.py"
WEBHOOKS = ROOT / "tests" / "screening" / "test_webhooks_admin.py"
ROW = re.compile(r"\| `([a-z_]+)` \| (\w+) \| ([a-z_, ]*?) ?\| ")


def exposed(redis) -> dict[str, tuple[str, set[str]]]:
    """Return type and labels of each metric; labels as far as it has a sample."""
    found = {}
    for family in registry().collect():
        name = family.name + ("_total" if family.type == "counter" else "")
        labels = {label for sample in family.samples for label in sample.labels}
        found[name] = (family.type, labels - {"le"})
    return found


def documented() -> dict[str, tuple[str, set[str]]]:
    text = (ROOT / "docs/observability.md").read_text()
    return {
        name: (kind, {label.strip() for label in labels.split(",") if label.strip()})
        for name, kind, labels in ROW.findall(text)
    }


def test_every_metric_is_in_the_document_and_there_is_none_else(redis):
    assert sorted(exposed(redis)) == sorted(documented())


def test_the_document_has_their_types_and_labels(redis):
    told = documented()

    for name, (kind, labels) in exposed(redis).items():
        assert told[name][0] == kind, name
        assert not labels or told[name][1] == labels, name


def test_every_metric_says_what_it_is(redis):
    for family in registry().collect():
        assert re.fullmatch(r"\w.{14,}\.", family.documentation), family.name


@pytest.mark.parametrize("name", documented())
def test_a_test_sees_every_metric_move(name):
    short = name.removeprefix("pedi_orch_").removesuffix("_total")
    files = [*(ROOT / "tests").rglob("test_*metrics*.py"), CERTIFICATES, WEBHOOKS]
    read = "".join(path.read_text() for path in files)

    assert re.search(rf'["( ](pedi_orch_)?{short}(_total|_count)?[" ]', read)


def test_what_others_may_name_freely_makes_no_series(redis):
    def series() -> int:
        return sum(len(family.samples) for family in registry().collect())

    happen("first")
    before = series()
    for number in range(200):
        happen(f"any-{number}")
        make_agent(f"agent-{number}")
        TargetHealth.objects.create(name=f"agent-{number}", durations={"1": 2})
        redis.hset(KEY, f"queued:any-{number}", 1)

    assert series() == before


def happen(word: str) -> None:
    """Record what could only come from a defect: words that are none of ours."""
    told = {"task_type": word, "priority": word, "code": word}
    record(Event(action=action, actor="system:test", detail=told) for action in COUNTED)


def test_no_counter_goes_back_when_a_case_is_erased(redis):
    case = full_case()
    before = exposed_values()
    erase_case(case, actor="user:1", reason="asked")

    after = exposed_values()
    assert before["pedi_orch_jobs"] > 0
    assert not Job.objects.exists()
    assert all(after[name] >= before[name] for name in before)


def exposed_values() -> dict[str, float]:
    return {
        family.name: sum(sample.value for sample in family.samples)
        for family in registry().collect()
        if family.type == "counter"
    }
