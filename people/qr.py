"""A QR code as SVG, drawn on the server: no style, no script, nothing fetched."""

from __future__ import annotations

import segno
from django.utils.html import format_html
from django.utils.safestring import SafeString

QUIET = 4
"""White squares around the code, as readers of it expect."""


def drawn(text: str, *, title: str) -> SafeString:
    """Draw a text as a QR code."""
    matrix = segno.make(text, error="m", micro=False).matrix
    side = len(matrix) + 2 * QUIET
    squares = " ".join(
        f"M{x + QUIET} {y + QUIET}h1v1h-1z"
        for y, row in enumerate(matrix)
        for x, is_dark in enumerate(row)
        if is_dark
    )
    return format_html(
        '<svg class="qr" viewBox="0 0 {} {}" role="img" aria-label="{}" '
        'shape-rendering="crispEdges"><path class="qr-ground" d="M0 0h{}v{}H0z"/>'
        '<path class="qr-squares" d="{}"/></svg>',
        side,
        side,
        title,
        side,
        side,
        squares,
    )
