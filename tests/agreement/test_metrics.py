"""Agreement in /metrics: of the last twelve weeks, and nothing that rests on few."""

from __future__ import annotations

import pytest
from prometheus_client.parser import text_string_to_metric_families

from agreement.models import RollUp
from tests.agreement.making import Signed, cases_drawn, store

CHANGED = "pedi_orch_agreement_override_ratio"
KAPPA = "pedi_orch_agreement_kappa"
FOUND = "pedi_orch_agreement_refer_sensitivity"
LAST = "pedi_orch_agreement_rollup_timestamp_seconds"


def read(api) -> dict[tuple[str, str], float]:
    response = api.get("/metrics")
    assert response.status_code == 200
    return {
        (sample.name, sample.labels.get("model", "")): sample.value
        for family in text_string_to_metric_families(response.content.decode())
        for sample in family.samples
        if "agreement" in sample.name
    }


def test_each_model_has_its_figures(api):
    store(cases_drawn())

    found = read(api)

    assert found[CHANGED, "medgemma-4b-it 1.3"] == pytest.approx(21 / 214)
    assert found[FOUND, "medgemma-4b-it 1.3"] == pytest.approx(27 / 33)
    assert found[CHANGED, "rules-cdc2022"] == pytest.approx(11 / 57)
    assert found[FOUND, "rules-cdc2022"] == pytest.approx(7 / 11)
    assert 0.8 < found[KAPPA, "medgemma-4b-it 1.2"] < 1
    assert found[LAST, ""] == RollUp.objects.get().ended_at.timestamp()


def test_what_rests_on_fewer_than_ten_cases_is_absent(api):
    refer = Signed(draft_risk="refer", signed_risk="refer", model="few-refers")
    store(
        [Signed(model="few")] * 9
        + [refer] * 9
        + [Signed(model="few-refers")]
        + [Signed(model="unusable", draft_risk="unclassified")] * 30
    )

    names = set(read(api))

    assert names == {
        (CHANGED, "few-refers 1.3"),
        (KAPPA, "few-refers 1.3"),
        (LAST, ""),
    }


def test_before_the_first_run_there_is_nothing(api):
    assert read(api) == {}


def test_what_was_signed_longer_ago_is_not_in_it(api):
    store([Signed(week=0)] * 30, weeks=52)

    assert set(read(api)) == {(LAST, "")}


def test_only_the_ten_models_with_the_most_cases_are_named(api):
    store(
        Signed(model=f"model-{n}", signed_risk=risk)
        for n in range(30)
        for risk in ["on_track", "monitor"] * (5 + n)
    )

    named = {model for name, model in read(api) if name == CHANGED}

    assert named == {f"model-{n} 1.3" for n in range(20, 30)}
