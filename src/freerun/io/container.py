"""Container of what is kept: a line of JSON that says what the file holds, then its body; one checksum for all of it.

The first line, the head, names the form of the body and its version, and gives the SHA-256 of every byte after the line. For
one body and one form there is one head, so that no byte of a file can change unseen: one of the body alters the checksum, one
of the head makes it another head. The body is JSON, or tensors as safetensors. A checksum is no signature: it says that a body
is as it was written, not by whom.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from typing import NamedTuple

import msgspec

from freerun.io.reading import NotPlain
from freerun.io.text import brief

#: The kind of body whose heads name none: records had such heads before anything else was kept in this way.
UNNAMED = "record"
#: Most bytes of a head.
LONGEST_HEAD = 256
_DIGEST = re.compile(rb"[0-9a-f]{64}")
#: What follows the digest in a head.
_END = b'"}\n'


class OtherVersion(NotPlain):
    """A file of the right kind whose body is written as an older Freerun did, or as a newer one does."""


class Form(NamedTuple):
    """What a body is: its kind, in one word, and the version of how that is written."""

    kind: str
    version: int


class _Head(msgspec.Struct):
    """A head as far as a message needs it."""

    format: int
    sha256: str
    kind: str = UNNAMED


def wrapped(body: bytes, form: Form) -> bytes:
    """Return the bytes of the file that holds a body."""
    return b"".join([head(hashlib.sha256(body).hexdigest(), form), body])


def unwrapped(content: bytes, form: Form) -> bytes:
    """Return the body in the bytes of a file.

    Raises:
        NotPlain: if the file is torn, altered, longer than it was written, or of another form.
    """
    end = content.find(b"\n", 0, LONGEST_HEAD) + 1
    digest, body = declared(content[:end], form), content[end:]
    demand(digest, [body])
    return body


def head(digest: str, form: Form) -> bytes:
    """Return the first line of the file that holds a body of this SHA-256, with its end."""
    kind = "" if form.kind == UNNAMED else f'"kind": "{form.kind}", '
    return f'{{"format": {form.version}, {kind}"sha256": "{digest}"}}\n'.encode("ascii")


def declared(line: bytes, form: Form) -> str:
    """Return the SHA-256 that the first line of a file gives, its end included.

    Raises:
        OtherVersion: if it is the head of another version.
        NotPlain: if it is not the head of this form.
    """
    digest = line[-64 - len(_END) : -len(_END)]
    if _DIGEST.fullmatch(digest) and line == head(digest.decode("ascii"), form):
        return digest.decode("ascii")
    raise _otherwise(line, form)


def demand(digest: str, parts: Iterable[bytes]) -> None:
    """Check that the parts of a body have the checksum that it was written with.

    Raises:
        NotPlain: if they do not.
    """
    whole = hashlib.sha256()
    for part in parts:
        whole.update(part)
    if whole.hexdigest() != digest:
        raise NotPlain("the checksum does not match; the file is torn or was altered")


def other_version(version: int, form: Form) -> OtherVersion:
    """Return the error for a file of another version than that of `form`."""
    origin, remedy = ("a newer", "; update Freerun") if version > form.version else ("an older", "")
    return OtherVersion(f"{origin} Freerun wrote it ({form.kind} {brief(version, 20)}, here {form.version}){remedy}")


def _otherwise(line: bytes, form: Form) -> NotPlain:
    """Return the error that says how a line differs from a head of this form."""
    try:
        decoded = msgspec.json.decode(line, type=_Head)
    except ValueError:
        return NotPlain(f"is torn, or holds no {form.kind}")
    if decoded.kind != form.kind:
        return NotPlain(f"holds {brief(decoded.kind, 40)}, no {form.kind}")
    if decoded.format != form.version:
        return other_version(decoded.format, form)
    return NotPlain(f"its first line was altered: it is no head of a file that holds one {form.kind}")
