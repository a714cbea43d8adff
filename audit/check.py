"""Check a proof from the audit log, with no database and nothing else of this software.

    python check.py FILE --key NAME+ID+KEY

FILE is a proof bundle (JSON): that an event is in the log, or that an earlier log is
the beginning of a later one; or the evidence of a case (zip), for which the file
check_evidence.py lies beside this one. The public keys must come from elsewhere. Ends
with 0 if it is proven, 1 if it is not, 2 if it could not be checked. Needs Python 3.10
and the package cryptography. docs/audit-format.md has the formats.
"""

from __future__ import annotations

import argparse
import base64
import binascii
import hashlib
import json
import re
import runpy
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

PROVEN, REFUSED, NOT_CHECKED = 0, 1, 2
LARGEST_FILE = 256 * 1024 * 1024
LARGEST_SIZE = 2**63 - 1
LARGEST_INTEGER = 2**53 - 1
DEEPEST, MOST_SIGNATURES, LARGEST_NOTE = 16, 100, 1_000_000

INCLUSION = {"canonical", "index", "size", "proof", "checkpoint"}
CONSISTENCY = {"old", "new", "proof"}
NAME = re.compile(r"[!-*,-~]+")
HEX_HASH = re.compile(r"[0-9a-f]{64}")
CHECKPOINT = re.compile(r"([!-*,-~]+)\n(0|[1-9][0-9]{0,18})\n(.+)")
CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f]")
SIGNATURE = re.compile("\N{EM DASH} ([^\\s+]+) ([A-Za-z0-9+/]+={0,2})")

Keys = Sequence[tuple[str, bytes]]
"""The name and the 32 bytes of each public key."""


class Refused(Exception):
    """The bundle does not prove what it should."""


class NotChecked(Exception):
    """There is nothing to check, or nothing to check it with."""


# --- Bundles ----------------------------------------------------------------------


def check(bundle: dict[str, Any], keys: Sequence[str]) -> str:
    """Check a bundle under the public keys; say what it proves."""
    known = read_all(keys)
    if set(bundle) == INCLUSION:
        return check_inclusion(bundle, known)
    if set(bundle) == CONSISTENCY:
        return check_consistency(bundle, known)
    raise NotChecked("This is not a proof bundle: its fields are others.")


def check_inclusion(bundle: dict[str, Any], keys: Keys) -> str:
    """Check that an event is in the log."""
    event, origin, index, size = prove_event(bundle, keys)
    shown = json.dumps(event, indent=2, sort_keys=True)
    where = f"number {index}, counted from 0, of the {size} that are signed"
    return f"This event is in the log {origin}: {where}.\n{shown}"


def prove_event(bundle: dict[str, Any], keys: Keys) -> tuple[Any, str, int, int]:
    """Prove an event; give it, the log's name, its index and the log's size."""
    if set(bundle) != INCLUSION:
        raise Refused("This is not the proof of an event: its fields are others.")
    text = as_text(bundle["canonical"])
    index, size = as_number(bundle["index"]), as_number(bundle["size"])
    origin, signed_size, root = open_checkpoint(bundle["checkpoint"], keys)
    if size != signed_size:
        raise Refused("The size is not that of the signed checkpoint.")
    leaf = hashlib.sha256(b"\x00" + text.encode()).digest()
    if not is_included(leaf, index, size, as_hashes(bundle["proof"]), root):
        raise Refused("The event, at this place, does not lead to the signed root.")
    return read_canonical(text), origin, index, size


def check_consistency(bundle: dict[str, Any], keys: Keys) -> str:
    """Check that the log under the old checkpoint is the beginning of the new one."""
    origin, old, old_root = open_checkpoint(bundle["old"], keys)
    new_origin, new, new_root = open_checkpoint(bundle["new"], keys)
    if origin != new_origin:
        raise Refused("The checkpoints are of two logs.")
    if not is_consistent(old, new, as_hashes(bundle["proof"]), old_root, new_root):
        raise Refused("The new log does not begin with the old one.")
    return (
        f"The log {origin} has only been added to: the {old} events of the old "
        f"checkpoint are the first of the {new} of the new one."
    )


def check_evidence(data: bytes, keys: Sequence[str]) -> str:
    """Check the evidence of a case, with the file beside this one."""
    known, beside = read_all(keys), Path(__file__).with_name("check_evidence.py")
    if not beside.exists():
        raise NotChecked("check_evidence.py must lie beside check.py.")
    other = runpy.run_path(str(beside))
    try:
        return str(other["check"](data, lambda bundle: prove_event(bundle, known)))
    except other["NotProven"] as reason:
        raise Refused(str(reason)) from reason


# --- The tree (RFC 6962, checked as RFC 9162 says) ---------------------------------


def node_hash(left: bytes, right: bytes) -> bytes:
    """Hash two nodes that stand side by side."""
    return hashlib.sha256(b"\x01" + left + right).digest()


def is_included(
    leaf: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes
) -> bool:
    """Say whether the leaf of this hash stands at the index under the root."""
    if not 0 <= index < size <= LARGEST_SIZE:
        return False
    if any(len(each) != 32 for each in [leaf, *proof]):
        return False
    own, last, result = index, size - 1, leaf
    for each in proof:
        if last == 0:
            return False
        if own & 1 or own == last:
            result = node_hash(each, result)
            while not own & 1 and own:
                own, last = own >> 1, last >> 1
        else:
            result = node_hash(result, each)
        own, last = own >> 1, last >> 1
    return last == 0 and result == root


def is_consistent(
    old: int, new: int, proof: Sequence[bytes], old_root: bytes, new_root: bytes
) -> bool:
    """Say whether the log under the old root is the beginning of the new one."""
    if not 1 <= old <= new <= LARGEST_SIZE:
        return False
    if any(len(each) != 32 for each in proof):
        return False
    if old == new:
        return not proof and old_root == new_root
    hashes = list(proof)
    if old & (old - 1) == 0:
        hashes.insert(0, old_root)
    if not hashes:
        return False
    own, last = old - 1, new - 1
    while own & 1:
        own, last = own >> 1, last >> 1
    was = now = hashes[0]
    for each in hashes[1:]:
        if last == 0:
            return False
        if own & 1 or own == last:
            was, now = node_hash(each, was), node_hash(each, now)
            while not own & 1 and own:
                own, last = own >> 1, last >> 1
        else:
            now = node_hash(now, each)
        own, last = own >> 1, last >> 1
    return last == 0 and was == old_root and now == new_root


# --- Signatures (C2SP signed notes and checkpoints) --------------------------------


def read_all(keys: Sequence[str]) -> Keys:
    """Read the public keys; there is at least one."""
    if not keys:
        raise NotChecked("No public key was given.")
    return [read_key(key) for key in keys]


def read_key(text: str) -> tuple[str, bytes]:
    """Read a public key, ``name+id+key``; give its name and the key itself."""
    name, *rest = text.split("+", 2)
    data = exact(rest[1]) if len(rest) == 2 else b""
    if not NAME.fullmatch(name) or len(data) != 33 or data[0] != 1:
        raise NotChecked("A public key is not written name+id+key.")
    if rest[0] != key_id(name, data[1:]).hex():
        raise NotChecked("A public key has an id that is not its own.")
    return name, data[1:]


def key_id(name: str, key: bytes) -> bytes:
    """Return what a signature says of the key that made it."""
    return hashlib.sha256(name.encode() + b"\n\x01" + key).digest()[:4]


def open_checkpoint(value: Any, keys: Keys) -> tuple[str, int, bytes]:
    """Verify a signed checkpoint; give the log's name, its size and its root."""
    note = as_text(value)
    text, _, below = note.rpartition("\n\n")
    is_note = len(note) <= LARGEST_NOTE and not CONTROL.search(note)
    if not is_note or not text or not below.endswith("\n"):
        raise Refused("A checkpoint is not a signed note.")
    names = signed_by(f"{text}\n", below[:-1].split("\n"), keys)
    parts = CHECKPOINT.fullmatch(text)
    root = exact(parts[3]) if parts else b""
    if not parts or len(root) != 32 or int(parts[2]) > LARGEST_SIZE:
        raise Refused("A checkpoint is not a name, a size and a root.")
    origin = parts[1]
    if origin not in names:
        raise Refused("No key of this log signed the checkpoint.")
    return origin, int(parts[2]), root


def signed_by(text: str, lines: Sequence[str], keys: Keys) -> set[str]:
    """Return the names of the keys that signed; each signature by a known key is."""
    known: dict[tuple[str, bytes], bytes] = {}
    for name, key in keys:
        if known.setdefault((name, key_id(name, key)), key) != key:
            raise NotChecked("Two of the public keys have one name and one id.")
    if len(lines) > MOST_SIGNATURES:
        raise Refused("A checkpoint has too many signatures.")
    names = set()
    for line in lines:
        parts = SIGNATURE.fullmatch(line)
        data = exact(parts[2]) if parts else b""
        if not parts or len(data) < 5:
            raise Refused("A signature is malformed.")
        public = known.get((parts[1], data[:4]))
        if public is None:
            continue
        if not is_signature(public, data[4:], text.encode()):
            raise Refused("A signature is wrong.")
        names.add(parts[1])
    if not names:
        raise Refused("None of the public keys signed the checkpoint.")
    return names


def is_signature(public: bytes, made: bytes, text: bytes) -> bool:
    """Say whether the Ed25519 key made the signature of the text."""
    try:
        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives.asymmetric import ed25519
    except ImportError as error:
        raise NotChecked("Install the package cryptography first.") from error
    try:
        ed25519.Ed25519PublicKey.from_public_bytes(public).verify(made, text)
    except (InvalidSignature, ValueError):
        return False
    return True


# --- Reading what cannot be trusted ------------------------------------------------


def read_bundle(data: bytes) -> dict[str, Any]:
    """Read the JSON of a bundle."""
    try:
        bundle = json.loads(data.decode(), object_pairs_hook=only_once)
    except (ValueError, RecursionError, Refused) as error:
        raise NotChecked("This is not a proof bundle: it is not JSON.") from error
    if not isinstance(bundle, dict):
        raise NotChecked("This is not a proof bundle: it is not an object.")
    return bundle


def read_canonical(text: str) -> Any:
    """Read an event, which can be read, and written, in one way only."""
    try:
        event = json.loads(
            text, object_pairs_hook=only_once, parse_constant=refuse, parse_float=refuse
        )
        written = json.dumps(
            event, ensure_ascii=False, sort_keys=True, separators=(",", ":")
        )
    except (ValueError, RecursionError) as error:
        raise Refused("The event is not JSON.") from error
    if written != text or not isinstance(event, dict) or not is_plain(event):
        raise Refused("The event is not written in the canonical way.")
    return event


def is_plain(value: Any, depth: int = 1) -> bool:
    """Say whether an event holds nothing but what is allowed in one."""
    if isinstance(value, str):
        return "\0" not in value and is_unicode(value)
    if isinstance(value, int):
        return abs(value) <= LARGEST_INTEGER
    if isinstance(value, dict):
        if not "".join(value).isascii() or "\0" in "".join(value):
            return False
        value = list(value.values())
    if isinstance(value, list):
        return depth <= DEEPEST and all(is_plain(each, depth + 1) for each in value)
    return value is None


def is_unicode(text: str) -> bool:
    """Say whether UTF-8 can write the text: half of a character it cannot."""
    return not any("\ud800" <= each <= "\udfff" for each in text)


def only_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Build an object in which no key stands twice."""
    value = dict(pairs)
    if len(value) != len(pairs):
        raise Refused("A key stands twice in one object.")
    return value


def refuse(number: str) -> NoReturn:
    """Refuse a number that is not whole."""
    raise Refused("The event has a number that is not whole.")


def exact(text: str) -> bytes:
    """Decode base64 that is written in the one right way, or give nothing."""
    try:
        data = base64.b64decode(text.encode("ascii"), validate=True)
    except (binascii.Error, UnicodeEncodeError):
        return b""
    return data if base64.b64encode(data).decode() == text else b""


def as_text(value: Any) -> str:
    """Accept a text."""
    if not isinstance(value, str) or not is_unicode(value):
        raise Refused("A field that is a text in a bundle is something else.")
    return value


def as_number(value: Any) -> int:
    """Accept a whole number; true and false are none."""
    if type(value) is not int:
        raise Refused("A field that is a whole number in a bundle is something else.")
    return value


def as_hashes(value: Any) -> list[bytes]:
    """Accept a list of hashes, each as 64 lower-case hex digits."""
    if not isinstance(value, list):
        raise Refused("The proof is not a list of hashes.")
    if not all(isinstance(each, str) and HEX_HASH.fullmatch(each) for each in value):
        raise Refused("A hash in the proof is not 64 lower-case hex digits.")
    return [bytes.fromhex(each) for each in value]


# --- The command ------------------------------------------------------------------


def read_file(name: str) -> bytes:
    """Read a file, or what is piped in; not more than evidence can be."""
    try:
        with Path(name).open("rb") if name != "-" else sys.stdin.buffer as file:
            data = file.read(LARGEST_FILE + 1)
    except OSError as error:
        raise NotChecked(f"{name!a} cannot be read.") from error
    if len(data) > LARGEST_FILE:
        raise NotChecked(f"{name!a} is too large.")
    return data


def read_keys(name: str) -> list[str]:
    """Read a file of public keys: one a line, and comments after ``#``."""
    lines = read_file(name).decode(errors="replace").splitlines()
    kept = [line.partition("#")[0].strip() for line in lines]
    return [line for line in kept if line]


def main(arguments: Sequence[str] | None = None) -> int:
    """Check the file, say what came of it, and return the exit status."""
    parser = argparse.ArgumentParser(description="Check a proof from the audit log.")
    parser.add_argument("file", metavar="FILE", help="what is checked; - is stdin")
    for name, words in [("--key", "a public key"), ("--keys", "a file of public keys")]:
        parser.add_argument(name, action="append", default=[], help=words)
    asked = parser.parse_args(arguments)
    try:
        keys = [*asked.key, *(key for name in asked.keys for key in read_keys(name))]
        data = read_file(asked.file)
        is_zip = data[:2] == b"PK"
        told = check_evidence(data, keys) if is_zip else check(read_bundle(data), keys)
    except Refused as refused:
        sys.stdout.write(f"NOT PROVEN. {refused}\n")
        return REFUSED
    except NotChecked as reason:
        sys.stdout.write(f"NOT CHECKED. {reason}\n")
        return NOT_CHECKED
    sys.stdout.write(f"PROVEN. {told}\n")
    return PROVEN


if __name__ == "__main__":
    sys.exit(main())
