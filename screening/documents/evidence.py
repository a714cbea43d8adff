"""The evidence of a case: its files, and the manifest that holds them to their bytes.

The audit log holds the manifest in turn, by the event that it was exported. Anybody can
check it: docs/audit-evidence.md. Plain Python.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from audit.check_evidence import CHECKPOINT, MANIFEST, READ_ME, pack
from screening.documents.fhir import fhir_bundle
from screening.documents.signed import SignedReport

VERSION = 1
WHOLE, WITHHELD, ERASED = "whole", "withheld", "erased"
WORDS = """\
The evidence of one case of developmental screening.

  jobs/ID/input.json       what was submitted
  jobs/ID/draft.json       what the model answered, which way it came, and the versions
                           of policy, prompt and model as far as they were known
  jobs/ID/review.json      the clinician's side: what was written, changed, acknowledged
  jobs/ID/written.json     what was written, as it was saved last
  jobs/ID/second-read.json the second reader's view, and what was decided
  jobs/ID/signed.json      exactly what was signed
  jobs/ID/addendum-N.json  exactly what was added later, and signed
  jobs/ID/report.json      the signed report, and report.fhir.json the same as FHIR R4
  jobs/ID/salt.txt         opens the log's commitments to the contents
  log/N.json               one event of the audit log each, with the proof that it is in
  checkpoint.txt           the log as it was signed
  manifest.json            every other file's SHA-256, and the events of the case

To check it, take the two files check.py and check_evidence.py and the log's public key
from whoever runs the service, not from whoever gave you this:

  python check.py THIS.zip --key NAME+ID+KEY

It says PROVEN and what, or NOT PROVEN and why. A list in the manifest says of each
screening whether it is whole, withheld (nobody has signed it, and whoever exported this
may not read it) or erased. This file holds what was said of a child: keep it so.
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Screening:
    """One screening of the case: its contents, as far as they may leave.

    ``contents`` are the bytes that the log commits to, by file; ``beside`` is what only
    the export holds.
    """

    job_id: str
    state: str
    salt: bytes = b""
    contents: Mapping[str, bytes]
    beside: Mapping[str, Mapping[str, Any]]
    report: SignedReport | None = None

    def files(self) -> dict[str, bytes]:
        """Write the files of the screening."""
        folder = f"jobs/{self.job_id}"
        found = dict(self.contents)
        if self.salt:
            found["salt.txt"] = f"{self.salt.hex()}\n".encode()
        found |= {name: as_text(value) for name, value in self.beside.items()}
        if self.report is not None:
            found["report.json"] = as_text(report_fields(self.report))
            found["report.fhir.json"] = as_text(fhir_bundle(self.report))
        return {f"{folder}/{name}": data for name, data in found.items()}


@dataclass(frozen=True, kw_only=True, slots=True)
class Contents:
    """All of the evidence but the proofs, which can be made once it is in the log."""

    files: Mapping[str, bytes]
    events: Sequence[str]
    """The ids of the events that the manifest lists."""

    @property
    def digest(self) -> str:
        """Return the manifest's SHA-256, which the log gets to hold."""
        return hashlib.sha256(self.files[MANIFEST]).hexdigest()

    def sealed(self, proofs: Mapping[int, str]) -> bytes:
        """Write the zip, with the proof of each event by its place in the log.

        All proofs are of one checkpoint.
        """
        log = {f"log/{n:012d}.json": text.encode() for n, text in proofs.items()}
        note = json.loads(next(iter(proofs.values())))["checkpoint"]
        return pack({**self.files, **log, CHECKPOINT: note.encode()})


def contents_of(
    *,
    clinic: str,
    case_id: str,
    screenings: Iterable[Screening],
    events: Sequence[str],
) -> Contents:
    """Write what is exported of a case, and the manifest of it.

    ``events`` are the ids of those that the log has of it so far.
    """
    files = {READ_ME: WORDS.encode()}
    states = {}
    for each in screenings:
        files |= each.files()
        states[each.job_id] = each.state
    manifest = {
        "v": VERSION,
        "clinic": clinic,
        "case_id": case_id,
        "jobs": states,
        "events": list(events),
        "files": {
            name: hashlib.sha256(data).hexdigest() for name, data in files.items()
        },
    }
    return Contents(files={**files, MANIFEST: as_text(manifest)}, events=events)


def report_fields(report: SignedReport) -> dict[str, Any]:
    """Write a signed report field by field, without what belongs to the asker."""
    fields = asdict(report)
    del fields["zone"]
    return {
        name: value.isoformat() if isinstance(value, datetime) else value
        for name, value in fields.items()
    }


def as_text(value: Mapping[str, Any]) -> bytes:
    """Write JSON for people, in one way; times in ISO 8601."""
    text = json.dumps(
        value, ensure_ascii=False, indent=2, sort_keys=True, default=_written
    )
    return f"{text}\n".encode()


def file_name(case_id: str) -> str:
    """Name the file after the case, in letters that every system takes."""
    safe = "".join(
        letter if letter.isascii() and (letter.isalnum() or letter in "-_") else "_"
        for letter in case_id[:60]
    )
    return f"evidence-{safe}.zip"


def _written(value: Any) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    raise TypeError(type(value).__name__)
