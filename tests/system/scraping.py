"""Reading GET /metrics of a running system, as Prometheus does."""

from __future__ import annotations

from collections.abc import Callable

from prometheus_client.parser import text_string_to_metric_families

from tests.system.stack import Stack, wait_until

Series = tuple[str, tuple[tuple[str, str], ...]]
Page = dict[Series, float]


def parsed(text: str) -> Page:
    """Return each sample by its name and labels."""
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def scrape(stack: Stack) -> Page:
    response = stack.session.get(f"{stack.url}/metrics", timeout=10)
    assert response.status_code == 200, response.text
    return parsed(response.text)


def value(page: Page, name: str, **labels: str) -> float:
    """Return one sample; 0 if it is not there yet, as counters are."""
    return page.get((name, tuple(sorted(labels.items()))), 0.0)


def scraped_until(
    stack: Stack, holds: Callable[[Page], bool], *, what: str, seconds: float = 60
) -> Page:
    """Scrape until something holds; return what was read then."""
    seen: list[Page] = []

    def held() -> bool:
        seen.append(scrape(stack))
        return holds(seen[-1])

    wait_until(held, what=what, seconds=seconds)
    return seen[-1]
