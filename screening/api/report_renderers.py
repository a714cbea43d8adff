"""The forms in which a signed report leaves, and how one of them is chosen."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar

from rest_framework.exceptions import NotAcceptable
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.renderers import BaseRenderer, JSONRenderer
from rest_framework.request import Request

from screening.documents.fhir import fhir_bundle
from screening.documents.signed import SignedReport

FHIR_VERSION = "4.0"
QUALITY = re.compile(r"(0(\.[0-9]{0,3})?|1(\.0{0,3})?)\Z")


class PdfRenderer(BaseRenderer):
    """The whole report on paper."""

    media_type = "application/pdf"
    format = "pdf"
    charset = None
    render_style = "binary"

    def render(
        self,
        data: SignedReport,
        accepted_media_type: str | None = None,
        renderer_context: Mapping[str, Any] | None = None,
    ) -> bytes:
        """Lay out the report."""
        # What writes PDFs takes most of a second to import: only who prints waits.
        from screening.documents.pdf import report_pdf

        return report_pdf(data)


class FamilyPdfRenderer(PdfRenderer):
    """The text for the family alone, on paper."""

    def render(
        self,
        data: SignedReport,
        accepted_media_type: str | None = None,
        renderer_context: Mapping[str, Any] | None = None,
    ) -> bytes:
        """Lay out the family's sheet."""
        from screening.documents.pdf import family_pdf  # see `PdfRenderer`

        return family_pdf(data)


class FhirRenderer(BaseRenderer):
    """The report as a FHIR R4 document Bundle."""

    media_type = "application/fhir+json"
    format = "fhir"
    charset = None
    render_style = "binary"

    def render(
        self,
        data: SignedReport,
        accepted_media_type: str | None = None,
        renderer_context: Mapping[str, Any] | None = None,
    ) -> bytes:
        """Write the bundle."""
        return json.dumps(fhir_bundle(data), ensure_ascii=False).encode()


REPORT_FORMS = [JSONRenderer, PdfRenderer, FhirRenderer]
FAMILY_FORMS = [FamilyPdfRenderer]


class ByQuality(BaseContentNegotiation):
    """Choose the form that a client likes best (RFC 9110, 12.5.1).

    Unlike the framework's own it heeds ``q``: 0 means never, and more is better. Of
    forms that are liked the same the one named most exactly is sent, then the first.
    """

    accepted: ClassVar[str] = "*/*"

    def select_parser(self, request: Request, parsers: Iterable[Any]) -> Any:
        """Return the first parser: none of these routes takes a body."""
        return next(iter(parsers), None)

    def select_renderer(
        self,
        request: Request,
        renderers: Iterable[Any],
        format_suffix: str | None = None,
    ) -> tuple[Any, str]:
        """Return the renderer and its media type.

        Raises:
            NotAcceptable: none of the forms is wanted.
        """
        header = request.META.get("HTTP_ACCEPT", "").strip() or self.accepted
        ranges = [found for part in header.split(",") if (found := _range(part))]
        best: tuple[float, int] = (0.0, -1)
        chosen = None
        for renderer in renderers:
            liked = _liking(renderer.media_type, ranges)
            if liked[0] > 0 and liked > best:
                best, chosen = liked, renderer
        if chosen is None:
            raise NotAcceptable(available_renderers=list(renderers))
        return chosen, chosen.media_type


def _range(text: str) -> tuple[str, float] | None:
    """Read one media range and its quality; one that cannot be used is none."""
    media, *parameters = [part.strip().lower() for part in text.split(";")]
    quality = 1.0
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip() == "q":
            if not QUALITY.match(value.strip()):
                return None
            quality = float(value)
        if name.strip() == "fhirversion" and value.strip(' "') != FHIR_VERSION:
            return None
    return (media, quality) if media.count("/") == 1 else None


def _liking(media_type: str, ranges: Sequence[tuple[str, float]]) -> tuple[float, int]:
    """Return how much a form is liked, and how exactly it was named."""
    kind = media_type.partition("/")[0]
    for exactness, wanted in ((2, media_type), (1, f"{kind}/*"), (0, "*/*")):
        found = [quality for media, quality in ranges if media == wanted]
        if found:
            return max(found), exactness
    return 0.0, -1
