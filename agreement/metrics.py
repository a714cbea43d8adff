"""How far drafts and signed reports agree, for Prometheus: the last twelve weeks.

Only the models with the most cases are named, so that labels are bounded. A figure
that rests on fewer than ten cases is absent: neither 0 nor NaN.
"""

from __future__ import annotations

from collections.abc import Iterator

from django.utils import timezone
from prometheus_client import Metric
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from agreement.cells import LEAST
from agreement.figures import Agreement
from agreement.models import Tally
from agreement.periods import USUAL, period
from agreement.reading import by_model, last_roll_up, within

MOST_MODELS = 10


class AgreementCollector(Collector):
    """The metrics of drafts against signed reports."""

    source = "database"

    def collect(self) -> Iterator[Metric]:
        """Read the tallies of the last whole weeks, and say what they come to."""
        weeks = period(USUAL, today=timezone.localdate())
        models = by_model(within(Tally.objects.order_by(), weeks))
        yield from _figures(dict(list(models.items())[:MOST_MODELS]))
        yield _last_run()


def _figures(models: dict[str, Agreement]) -> Iterator[Metric]:
    changed = GaugeMetricFamily(
        "pedi_orch_agreement_override_ratio",
        "Share of usable drafts whose risk the clinician changed, in 12 weeks.",
        labels=["model"],
    )
    kappa = GaugeMetricFamily(
        "pedi_orch_agreement_kappa",
        "Quadratic weighted kappa of draft and signed risk, in 12 weeks.",
        labels=["model"],
    )
    found = GaugeMetricFamily(
        "pedi_orch_agreement_refer_sensitivity",
        "Share of children signed as Refer whose draft said so, in 12 weeks.",
        labels=["model"],
    )
    for name, agreement in models.items():
        if agreement.usable >= LEAST:
            changed.add_metric([name], agreement.changed.part / agreement.usable)
            if agreement.kappa is not None:
                kappa.add_metric([name], agreement.kappa.value)
        refers = agreement.found_by_draft
        if refers.whole >= LEAST:
            found.add_metric([name], refers.part / refers.whole)
    yield from (changed, kappa, found)


def _last_run() -> Metric:
    gauge = GaugeMetricFamily(
        "pedi_orch_agreement_rollup_timestamp_seconds",
        "When signed reports were last rolled up, in seconds since 1970.",
    )
    last = last_roll_up()
    if last is not None:
        gauge.add_metric([], last.ended_at.timestamp())
    return gauge
