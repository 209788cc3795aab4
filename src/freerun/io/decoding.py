"""Decoding of a file of text: by a declared encoding, never by a guess; what does not fit is refused with its likely cure."""

from __future__ import annotations

import codecs
import re

from freerun.io.reading import NotPlain

#: What a file begins with that is no text, and what to do with it.
_NO_TEXT = {
    b"\x1f\x8b": "compressed (gzip); unpack it first", b"PK\x03\x04": "a spreadsheet or an archive (zip); save it as CSV",
    b"%PDF-": "a PDF; save its text", b"{\\rtf": "RTF; save it as plain text",
    b"PAR1": "Parquet; let its name end in .parquet", b"ARROW1": "Arrow; save it as Parquet",
    b"BZh": "compressed (bzip2); unpack it first",
    b"\xfd7zXZ": "compressed; unpack it first", b"\x28\xb5\x2f\xfd": "compressed; unpack it first",
    b"\x89HDF": "HDF5; save it as CSV or Parquet", b"\x93NUMPY": "an array of numpy; save it as CSV or Parquet",
    b"SQLite format 3": "a database; save a table of it as CSV", b"\xd0\xcf\x11\xe0": "a spreadsheet; save it as CSV",
}  # fmt: skip
#: The first of them that fits counts.
_MARKS = {
    codecs.BOM_UTF32_LE: "utf-32", codecs.BOM_UTF32_BE: "utf-32", codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}  # fmt: skip


#: Halves of characters, as if they were characters of their own, in UTF-8.
_HALVES = re.compile(rb"\xed[\xa0-\xbf][\x80-\xbf]")


def known(encoding: str) -> bool:
    """Return whether an encoding of text has this name."""
    try:
        return bool(codecs.lookup(encoding)._is_text_encoding)
    except (LookupError, ValueError):
        return False


def decoded(content: bytes, encoding: str) -> str:
    """Return the text of a file, without the mark at its beginning.

    Args:
        content: all of its bytes.
        encoding: by its name in Python.

    Raises:
        NotPlain: saying what is wrong, and the likely cure.
    """
    if begin := next((begin for begin in _NO_TEXT if content.startswith(begin)), None):
        raise NotPlain(f"no text but {_NO_TEXT[begin]}")
    is_utf8 = codecs.lookup(encoding).name in ("utf-8", "utf-8-sig")
    try:
        text = content.decode(encoding)
    except UnicodeError as fault:
        if not is_utf8 and _utf8(content):
            raise NotPlain(f"UTF-8 by every sign, but task.encoding={encoding}; leave that out") from None
        cure = f"; if it is {likely(content)}, task.encoding={likely(content)}" if is_utf8 else "; see task.encoding"
        if is_utf8 and (what := _no_letters(content)):
            cure = f"; {what}"
        place = f" at byte {fault.start}" if isinstance(fault, UnicodeDecodeError) else ""  # codecs of names say no place
        raise NotPlain(f"not {encoding.upper()}{place}{cure}") from None
    if "\0" in text:
        cure = "if it is UTF-16, task.encoding=utf-16-le or utf-16-be" if is_utf8 else "see task.encoding"
        raise NotPlain(f"holds NUL characters, which are no text; {cure}")
    if not is_utf8 and _utf8(content) not in (None, text):
        raise NotPlain(f"UTF-8 by every sign, but task.encoding={encoding}; leave that out")
    if codecs.lookup(encoding).name == "iso8859-1" and re.search("[\x80-\x84\x86-\x9f]", text):
        raise NotPlain(f"holds control characters, which no text in {encoding} does; if it is cp1252, task.encoding=cp1252")
    return text.removeprefix("\ufeff")


def _no_letters(content: bytes) -> str | None:
    """Return why no other encoding is likely: halves of characters in what is UTF-8 otherwise, or NUL bytes; else None."""
    if not content.startswith(tuple(_MARKS)) and b"\0" in content:
        return "it holds NUL bytes, as no text does"
    rest = _HALVES.sub(b"", content)
    return "it holds halves of characters (surrogates), which no file can hold" if rest != content and _utf8(rest) else None


def likely(content: bytes) -> str:
    """Return the encoding that a file which is not UTF-8 most likely has."""
    for mark, encoding in _MARKS.items():
        if content.startswith(mark):
            return encoding
    return "cp1252" if any(0x80 <= byte <= 0x9F for byte in content) else "latin-1"


def _utf8(content: bytes) -> str | None:
    """Return what a file says in UTF-8; None if it is none."""
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError:
        return None
    return None if "\0" in text else text
