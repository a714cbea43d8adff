"""Check the evidence of a case: the other file of ``check.py``, which runs it.

    python check.py EVIDENCE.zip --key NAME+ID+KEY

Both files lie in one folder; neither needs anything else of this software. What is
checked, and what evidence is, stands in docs/audit-format.md.
"""

from __future__ import annotations

import hashlib
import hmac
import io
import json
import re
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

MANIFEST, CHECKPOINT, READ_ME = "manifest.json", "checkpoint.txt", "READ-ME.txt"
MOST_FILES = 100_000
LOG = re.compile(r"log/[0-9]{12,19}\.json")
HEX_SALT = re.compile(r"[0-9a-f]{64}\n")
EXPORTED, SAVED, READ = "evidence.exported", "review.saved", "report.read"
OPENED_BY = {
    "job.submitted": "input.json",
    "job.completed": "draft.json",
    SAVED: "written.json",
    "review.signed": "signed.json",
    "review.added_to": "addendum-{number}.json",
    READ: "signed.json",
}
"""Which file holds the content that an event is about."""

WORDS = {
    "job.submitted": "What was submitted is in {file}",
    "job.completed": "The draft, with what made it, is in {file}",
    SAVED: "What {actor} wrote, and saved last, is in {file}",
    "review.signed": "What {actor} signed is in {file}",
    "review.added_to": "What {actor} added and signed is in {file}",
    READ: "The report that {actor} read is in {file}",
}
SHOWN = ("risk", "summary", "recommendations", "parent_text", "meaning", "outcome")
"""What the report says as it was signed."""

CONTENTS = {"input.json", "draft.json", "written.json", "signed.json"}
SIGNED = ("review.signed", "review.added_to")


class NotProven(Exception):
    """The evidence does not show what it should; the message quotes none of it."""


Prove = Callable[[dict[str, Any]], tuple[dict[str, Any], str, int, int]]
"""Proves that an event is in the log; gives it, the log's name, its place and size."""


@dataclass(kw_only=True)
class Found:
    """What was found to be so, in words."""

    proven: list[str] = field(default_factory=list)
    open: list[str] = field(default_factory=list)
    used: set[str] = field(default_factory=set)


def check(data: bytes, prove: Prove) -> str:
    """Check evidence; say what it proves, and what it does not.

    Raises:
        NotProven: it was changed, or the log says something else.
    """
    files = unpack(data)
    manifest = read_object(files.get(MANIFEST, b""), "The manifest")
    check_files(files, manifest)
    events, told = check_log(files, manifest, prove)
    found = Found()
    last = {job_of(each): each["index"] for each in events if each.get("type") == SAVED}
    for event in events:
        if event.get("type") != SAVED or last[job_of(event)] == event["index"]:
            check_event(event, files, found)
        else:
            found.open.append(
                f"What {SAVED}, event {event['index']}, was of: it was saved again "
                "since."
            )
    check_reports(files)
    check_left(files, found)
    lines = [f"{told}", *(f"- {line}" for line in found.proven)]
    lines.append("What this does not show:")
    lines += [f"- {line}" for line in [*found.open, *carried(files, found)]]
    lines.append(
        "- That there is no other event of this case: only that the log's own export "
        "named these."
    )
    return "\n".join(lines)


# --- The file -------------------------------------------------------------------------


def unpack(data: bytes) -> dict[str, bytes]:
    """Read the files, and refuse a zip that is not written as evidence is."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            infos = archive.infolist()
            is_plain = len(infos) <= MOST_FILES and not any(
                each.compress_type for each in infos
            )
            files = {each.filename: archive.read(each) for each in infos * is_plain}
    except Exception as error:  # what a broken zip raises is not told
        raise NotProven("The zip is damaged.") from error
    if pack(files) != data:
        raise NotProven("The zip is not written as evidence is, byte for byte.")
    return files


def pack(files: Mapping[str, bytes]) -> bytes:
    """Write the zip: sorted, not compressed, and of no time and no machine."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_STORED) as archive:
        for name in sorted(files):
            info = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
            info.create_system = 3
            info.external_attr = 0o100644 << 16
            archive.writestr(info, files[name])
    return made.getvalue()


def check_files(files: Mapping[str, bytes], manifest: Mapping[str, Any]) -> None:
    """Hold every file but the log's against the manifest: none more, none less."""
    listed = manifest.get("files")
    if not isinstance(listed, dict):
        raise NotProven("The manifest lists no files.")
    held = {
        name: hashlib.sha256(data).hexdigest()
        for name, data in files.items()
        if name not in {MANIFEST, CHECKPOINT} and not LOG.fullmatch(name)
    }
    for name in sorted(listed.keys() | held.keys()):
        if name not in held:
            raise NotProven(f"{name!a} is missing.")
        if name not in listed:
            raise NotProven(f"{name!a} is not in the manifest.")
        if listed[name] != held[name]:
            raise NotProven(f"{name!a} was changed.")


# --- The log --------------------------------------------------------------------------


def check_log(
    files: Mapping[str, bytes], manifest: Mapping[str, Any], prove: Prove
) -> tuple[list[dict[str, Any]], str]:
    """Prove each event, and that the log itself holds the manifest."""
    note = files.get(CHECKPOINT, b"")
    events, origin, size = [], "", 0
    for name in sorted(each for each in files if LOG.fullmatch(each)):
        bundle = read_object(files[name], name)
        written = json.dumps(bundle, ensure_ascii=False, indent=2) + "\n"
        if written.encode() != files[name]:
            raise NotProven(f"{name} is not written as the log writes it.")
        event, origin, index, size = prove(bundle)
        if name != f"log/{index:012d}.json" or bundle["checkpoint"].encode() != note:
            raise NotProven(f"{name} is another event's, or of another checkpoint.")
        events.append({**event, "index": index})
    digest = hashlib.sha256(files[MANIFEST]).hexdigest()
    exports = [
        event
        for event in events
        if event.get("type") == EXPORTED
        and event.get("detail", {}).get("manifest") == digest
    ]
    if len(exports) != 1:
        raise NotProven("The log does not say that this manifest was ever exported.")
    [export] = exports
    others = sorted(event.get("event_id", "") for event in events if event != export)
    if others != sorted(manifest.get("events", [])):
        raise NotProven("The events are not those that the manifest lists.")
    entity = export.get("entity", {})
    for name in ("case_id", "clinic"):
        if manifest.get(name) != entity.get(name):
            raise NotProven("The manifest is of another case than its export.")
    return events, (
        f"This is the evidence of case {entity.get('case_id')!a} of clinic "
        f"{entity.get('clinic')!a}, as it was exported at {export['occurred_at']} by "
        f"{export['actor']['id']}.\n"
        f"- All {len(events)} events are in the log {origin}, of the {size} signed.\n"
        f"- Event {export['index']} of the log holds every file here to its bytes."
    )


# --- What the events are about --------------------------------------------------------


def check_event(
    event: dict[str, Any], files: Mapping[str, bytes], found: Found
) -> None:
    """Open what an event commits to, where the content is here."""
    kind, detail = event.get("type", ""), event.get("detail", {})
    where = f"{kind}, event {event['index']}"
    if kind not in OPENED_BY:
        if "commitment" in detail:
            found.open.append(f"What {where}, was of: it is not here.")
        return
    job = job_of(event)
    name = f"jobs/{job}/{OPENED_BY[kind].format(number=detail.get('number'))}"
    if name not in files:
        found.open.append(f"What {where}, was of: it was left out, or is erased.")
        return
    if kind != READ:
        found.used.add(name)
    content = read_object(files[name], name)
    if kind == "review.added_to":
        is_meant = content.get("number") == detail.get("number")
    else:
        is_meant = content.get("job_id") == job
    if kind in SIGNED:
        is_meant &= event["actor"]["id"] == f"user:{content.get('signed_by')}"
    if not is_meant:
        raise NotProven(f"{name} is not what {where}, is about.")
    digest = hashlib.sha256(files[name]).hexdigest()
    # Events had one until they had commitments alone.
    if detail.get("digest", digest) != digest:
        raise NotProven(f"{name} has not the digest that {where}, has.")
    if "commitment" in detail:
        check_opens(detail["commitment"], files, name, where)
    elif "digest" not in detail:
        words = "was recorded before contents were committed to"
        found.open.append(f"That {name} is what {where}, was of: it {words}.")
        return
    said = WORDS[kind].format(file=name, actor=event["actor"]["id"])
    found.proven.append(f"{said} ({where}, {event['occurred_at']}).")


def job_of(event: Mapping[str, Any]) -> str:
    """Return which job an event is of; none is empty."""
    return str(event.get("entity", {}).get("job_id", ""))


def check_opens(
    commitment: str, files: Mapping[str, bytes], name: str, where: str
) -> None:
    """Open a commitment with the content and the salt beside it."""
    salt_name = f"{name.rpartition('/')[0]}/salt.txt"
    salt = files.get(salt_name, b"").decode("ascii", "replace")
    if not HEX_SALT.fullmatch(salt):
        raise NotProven(f"{salt_name} is no salt.")
    made = hmac.new(bytes.fromhex(salt), files[name], hashlib.sha256).hexdigest()
    if not hmac.compare_digest(made.encode(), str(commitment).encode()):
        raise NotProven(f"{name} does not open the commitment of {where}.")


def check_reports(files: Mapping[str, bytes]) -> None:
    """Hold each report against what was signed."""
    for name in files:
        folder, _, last = name.rpartition("/")
        if last != "report.json":
            continue
        report = read_object(files[name], name)
        signed = read_object(
            files.get(f"{folder}/signed.json", b""), f"{folder}/signed"
        )
        if any(report.get(each) != signed.get(each) for each in SHOWN):
            raise NotProven(f"{name} does not say what was signed.")


def check_left(files: Mapping[str, bytes], found: Found) -> None:
    """Refuse a content of which no event here speaks."""
    for name in files:
        last = name.rpartition("/")[2]
        is_content = last in CONTENTS or last.startswith("addendum-")
        if is_content and name not in found.used:
            raise NotProven(f"No event in the log speaks of {name}.")


def carried(files: Mapping[str, bytes], found: Found) -> list[str]:
    """Name the files that nothing holds but their export."""
    left = set(files) - found.used - {MANIFEST, CHECKPOINT, READ_ME}
    names = sorted(
        each for each in left if not LOG.fullmatch(each) and "salt.txt" not in each
    )
    if not names:
        return []
    return [f"When these became as they were exported: {', '.join(names)}."]


def read_object(data: bytes, what: str) -> dict[str, Any]:
    """Read a JSON object in which no key stands twice."""
    try:
        value = json.loads(data.decode(), object_pairs_hook=_only_once)
    except (ValueError, RecursionError) as error:
        raise NotProven(f"{what} is not JSON, or is missing.") from error
    if not isinstance(value, dict):
        raise NotProven(f"{what} is not an object.")
    return value


def _only_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise ValueError("a key stands twice")
    return value
