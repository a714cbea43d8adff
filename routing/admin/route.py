"""The way a job or task took: whom each attempt considered, and how each answered.

Every text that was kept is escaped here. Entries of older policies hold less than
today's: what there is, is shown.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.text import capfirst

from audit.pages import EMPTY, tag

MOST_ATTEMPTS = 10
ANSWERED = "answered"
COLUMNS = ("Target", "Order", "Score", "Place", "p95")
COLUMNS_WITHOUT_INPUTS = ("Target", "Order")
TERMS = {
    "capabilities": "capabilities {}",
    "triage": "triage \u00d7{}",
    "slowness": "slowness {}",
    "privacy": "privacy {}",
}
PREFERRED = {
    "auto": "the edge before the cloud",
    "edge": "the edge preferred",
    "cloud": "the cloud preferred",
    "": "the best score first",
}
NO_POLICY = "no policy was applied"


def route_of(
    attempts: Sequence[Mapping[str, Any]], *, whom: str = "model server"
) -> SafeString | str:
    """Show the newest attempts, each with its targets and its tries."""
    if not attempts:
        return f"No {whom} has been asked yet."
    newest = list(reversed(attempts))[:MOST_ATTEMPTS]
    shown = format_html_join("", "{}", ((_attempt(each),) for each in newest))
    earlier = len(attempts) - len(newest)
    if not earlier:
        return shown
    said = f"Earlier attempts that are not shown: {earlier}."
    return format_html('{}<p class="quiet">{}</p>', shown, said)


def _attempt(kept: Mapping[str, Any]) -> SafeString:
    number = kept.get("attempt", "")
    version = kept.get("policy_version")
    return format_html(
        '<section class="attempt"><h3>Attempt {} <span class="quiet">{}</span></h3>'
        "{}{}{}</section>",
        number,
        f"policy {version}" if version else NO_POLICY,
        _wish(kept.get("wish")),
        _table(kept, number),
        _tries(kept.get("tries", [])),
    )


def _wish(wish: Mapping[str, Any] | None) -> SafeString | str:
    """Say what the work asked for."""
    if not wish:
        return ""
    preferred = str(wish.get("preferred", ""))
    words = [
        f"wanted {', '.join(map(str, wish.get('wanted', [])))}",
        f"priority {wish.get('priority', '')}",
        PREFERRED.get(preferred, preferred),
        "no other allowed" if wish.get("strict") else "",
        "consent given" if wish.get("consent") else "no consent given",
        f"consents {wish['consents']}" if wish.get("consents") else "",
        "" if wish.get("permitted", True) else "forbidden by the consents",
        "" if wish.get("media_allowed", True) else "no raw media by the consents",
        "" if wish.get("cloud_allowed", True) else "not to the cloud",
        "with raw media" if wish.get("raw_media") else "",
    ]
    said = capfirst("; ".join(filter(None, words)))
    return format_html('<p class="quiet">{}.</p>', said)


def _table(kept: Mapping[str, Any], number: Any) -> SafeString | str:
    """Show every target that was considered, in order, then those left out."""
    known = {str(each.get("name")): each for each in kept.get("targets", [])}
    rows = [
        _row(place, candidate, known)
        for place, candidate in enumerate(kept.get("candidates", []), 1)
    ]
    rows += [_row(0, left_out, known) for left_out in kept.get("excluded", [])]
    if not rows:
        return ""
    columns = COLUMNS if known else COLUMNS_WITHOUT_INPUTS
    # The roles keep it a table where a small screen shows its rows as blocks.
    head = format_html_join(
        "",
        '<th scope="col" role="columnheader" class="is-{}">{}</th>',
        ((c.lower(), c) for c in columns),
    )
    return format_html(
        '<table role="table"><caption class="visually-hidden">Targets considered in '
        'attempt {}</caption><thead role="rowgroup"><tr role="row">{}</tr></thead>'
        '<tbody role="rowgroup">{}</tbody></table>',
        number,
        head,
        format_html_join("", "{}", ((row,) for row in rows)),
    )


def _row(
    place: int, chosen: Mapping[str, Any], known: Mapping[str, Mapping[str, Any]]
) -> SafeString:
    """Show one target; one that was left out has no place in the order."""
    name = str(chosen.get("target", ""))
    standing = known.get(name, {})
    reason = chosen.get("reason", "")
    order = format_html('<b class="num">{}</b> {}', place, reason)
    if not place:
        order = format_html('<span class="quiet">left out: {}</span>', reason)
    row = format_html(
        '<th scope="row" role="rowheader">{}</th>'
        '<td role="cell" data-label="Order"><span>{}</span></td>',
        _with_notes(name, standing),
        order,
    )
    if known:
        row += format_html(
            '<td role="cell" data-label="Score">{}</td>'
            '<td role="cell" data-label="Place">{}</td>'
            '<td role="cell" data-label="p95" class="num">{}</td>',
            _score(chosen),
            standing.get("location", EMPTY),
            _number(standing.get("p95_ms"), "{:,.0f} ms"),
        )
    return format_html('<tr role="row">{}</tr>', row)


def _with_notes(name: str, standing: Mapping[str, Any]) -> SafeString | str:
    """Name a target, and below it what weighed on it at that moment."""
    notes = []
    if standing.get("load"):
        notes.append(f"load {_number(standing['load'], '{:.0%}')}")
    if standing.get("resting"):
        notes.append(f"to rest {_number(standing['resting'], '{:.0f} s')} more")
    if standing.get("ill"):
        notes.append("its health check failed")
    if not notes:
        return name
    return format_html('{}<span class="sub">{}</span>', name, ", ".join(notes))


def _score(chosen: Mapping[str, Any]) -> SafeString | str:
    """Show a score, and below it the terms that it is made of."""
    if "score" not in chosen:
        return EMPTY
    terms = chosen.get("terms", {})
    # PostgreSQL keeps the names of a JSON object in an order of its own.
    in_order = [name for name in TERMS if name in terms]
    in_order += [name for name in terms if name not in TERMS]
    words = [
        TERMS.get(name, f"{name} {{}}").replace(
            "{}", _number(terms[name], "{}", digits=2)
        )
        for name in in_order
    ]
    return format_html(
        '<span><span class="num">{}</span><span class="sub">{}</span></span>',
        _number(chosen["score"], "{:.3f}"),
        ", ".join(words),
    )


def _tries(tries: Sequence[Mapping[str, Any]]) -> SafeString:
    """Show who was asked, in order, how each answered and how long that took."""
    if not tries:
        return format_html('<p class="quiet">{}</p>', "Nobody was asked.")
    lines = (
        (
            tried.get("target", ""),
            _outcome(str(tried.get("outcome", ""))),
            _number(tried.get("milliseconds"), "{:,.0f} ms"),
        )
        for tried in tries
    )
    return format_html(
        '<ol class="tries">{}</ol>',
        format_html_join(
            "", '<li>Asked <b>{}</b> {} <span class="num">{}</span></li>', lines
        ),
    )


def _outcome(outcome: str) -> SafeString:
    if outcome == ANSWERED:
        return tag("check", "is-ok", outcome)
    return tag("stop", "is-bad", outcome)


def _number(value: Any, form: str, *, digits: int | None = None) -> str:
    """Show a number in its form, and what is none as it is."""
    if value is None:
        return EMPTY
    if not isinstance(value, int | float):
        return str(value)
    return form.format(value if digits is None else round(float(value), digits))
