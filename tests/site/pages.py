"""Every page of the desk, found by walking its addresses."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.contrib import admin
from django.db.models import Model
from django.urls import NoReverseMatch, get_resolver, reverse

NAMELESS = {"<path:object_id>/", "(?P<url>.*)$"}
"""Old addresses of rows, which lead to the new ones, and what there is not."""

STANDARD = ("changelist", "add", "history", "delete", "change")


@dataclass(frozen=True, kw_only=True, slots=True)
class Page:
    """One address: its name, and how it is written."""

    name: str
    pattern: str

    @property
    def model(self) -> type[Model] | None:
        """Return the model whose page it is, if it is one that every model has."""
        for model in admin.site._registry:
            prefix = f"{model._meta.app_label}_{model._meta.model_name}_"
            if self.name.removeprefix(prefix) in STANDARD:
                return model
        return None

    @property
    def step(self) -> str:
        return self.name.rsplit("_", 1)[1]

    def url(self, *args: Any) -> str:
        return reverse(f"admin:{self.name}", args=args)


def pages() -> Iterator[Page]:
    """Yield every page that the desk has."""
    yield from _walk(get_resolver(), "", in_admin=False)


def _walk(resolver: Any, prefix: str, *, in_admin: bool) -> Iterator[Page]:
    for each in resolver.url_patterns:
        pattern = str(each.pattern)
        if hasattr(each, "url_patterns"):
            inside = in_admin or each.namespace == "admin"
            yield from _walk(each, prefix + pattern, in_admin=inside)
        elif in_admin and each.name:
            yield Page(name=each.name, pattern=prefix + pattern)
        elif in_admin:
            assert pattern in NAMELESS, f"{prefix}{pattern} has no name"


def addresses(rows: dict[str, list[Any]]) -> Iterator[tuple[Page, str]]:
    """Yield the address of each page, once for each row that it can show.

    ``rows`` holds primary keys by "app.model", for pages that take one.
    """
    for page in pages():
        if "object_id" not in page.pattern and "<id>" not in page.pattern:
            try:
                yield page, page.url()
            except NoReverseMatch:
                yield from ((page, page.url(*args)) for args in OTHERS[page.name])
            continue
        app, model, *_ = page.name.split("_")
        for pk in rows.get(f"{app}.{model}", []):
            yield page, page.url(pk)


OTHERS: dict[str, list[tuple[str, ...]]] = {
    "app_list": [
        (app,) for app in ("screening", "routing", "consent", "audit", "auth")
    ],
}
