"""Compact SVG: what matplotlib writes, in less than half of its bytes, the same to the eye.

Paths go from point to point in hundredths, in which marks are placed too; letters have short names and stand in thousandths of
their size; a look that stands at several marks is written once; nothing is kept that only names or indents. Looks are named by
what they say and marks by what they draw, so that several drawings may stand in one page.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter

import numpy as np

#: The path of an SVG, and a step of it: a letter and its coordinates.
_PATH, _STEP = re.compile(rb'(?<= d=")[^"]*(?=")'), re.compile(rb"([MLQCz])([-0-9. \n]*)")
#: The end of matplotlib's own rule for all marks, after which the looks are put; the look of a mark; the place of a letter.
_RULES, _LOOK = b"butt}</style>", re.compile(rb' style="([^"]*)"')
_SHIFT = re.compile(rb' transform="translate\(([-\d.]+) 0\)"/>')
_BETWEEN, _TAG = re.compile(rb">\s*\n\s*<"), re.compile(rb"<[^>]+>")
#: A group that does nothing but name what is in it.
_NAMED, _MEANT = re.compile(rb'<g(?: id="([^"]*)")?>'), re.compile(rb'(?:href="|url\()#([\w.-]+)')
#: The place of a mark, as matplotlib writes it.
_PLACE = re.compile(rb'(?<= [xy]=")-?\d+\.\d{3,}(?=")')
#: How it names the letters of its usual fonts, and how they are named here.
_LETTERS = ((b"DejaVuSans-", b"D-"), (b"DejaVuSansMono-", b"M-"))
#: How matplotlib names marks and what clips them: a letter and ten digits of a digest, of which so many are let go.
_DIGEST, _CUT = re.compile(rb'((?: id="|href="#|url\(#)[mp][0-9a-f]{6})([0-9a-f]{4})(?=["\)])'), 4
#: What names were called before the second edition of SVG.
_LINKS = ((b' xmlns:xlink="http://www.w3.org/1999/xlink"', b""), (b"xlink:href=", b"href="))
#: Marks from which on a look is written once.
_OFTEN = 3


def compact(svg: bytes) -> bytes:
    """Return a drawing of matplotlib's in fewer bytes, every point within a hundredth of a point of where it was.

    A letter, placed in thousandths of its size, is within a hundredth of a point too, up to a size of 20 points.
    """
    short = _SHIFT.sub(lambda shift: b' x="%s"/>' % _tenths(float(shift[1])), _BETWEEN.sub(b"><", in_short_steps(svg)))
    for old, new in _LETTERS:
        short = short.replace(old, new)
    placed = _PLACE.sub(lambda place: _hundredths(round(float(place[0]) * 100)).encode(), short)
    return _without_names(_looks_once(_names_short(placed)))


def _names_short(svg: bytes) -> bytes:
    """The drawing with digests of six digits, where they still tell all names apart, and with plain links."""
    whole = {b"".join(name) for name in _DIGEST.findall(svg) if name[0].startswith(b" id")}
    if len({name[:-_CUT] for name in whole}) == len(whole):
        svg = _DIGEST.sub(rb"\1", svg)
    for old, new in _LINKS:
        svg = svg.replace(old, new)
    return svg


def _looks_once(svg: bytes) -> bytes:
    """The drawing with every frequent look as a rule of its own."""
    count = Counter(_LOOK.findall(svg))
    rules = {look: b"f" + hashlib.sha256(look).hexdigest()[:6].encode() for look, marks in count.items() if marks >= _OFTEN}
    if _RULES not in svg or len(set(rules.values())) < len(rules):
        return svg
    text = b"".join(b".%s{%s}" % (name, look.replace(b"; ", b";").replace(b": ", b":")) for look, name in rules.items())
    classed = _LOOK.sub(lambda found: b' class="%s"' % rules[found[1]] if found[1] in rules else found[0], svg)
    return classed.replace(_RULES, _RULES.replace(b"</style>", text + b"</style>"), 1)


def _without_names(svg: bytes) -> bytes:
    """The drawing without groups that do nothing but name what is in them."""
    meant, open_groups = set(_MEANT.findall(svg)), list[bool]()

    def kept(tag: re.Match[bytes]) -> bytes:
        if tag[0] == b"</g>":
            return tag[0] if open_groups.pop() else b""
        if tag[0].startswith((b"<g ", b"<g>")) and not tag[0].endswith(b"/>"):
            name = _NAMED.fullmatch(tag[0])
            open_groups.append(name is None or name[1] in meant)
            return tag[0] if open_groups[-1] else b""
        return tag[0]

    return _TAG.sub(kept, svg)


def in_short_steps(svg: bytes) -> bytes:
    """Return a drawing whose paths go from point to point in hundredths: a third of the size, the same to the eye."""
    return _PATH.sub(lambda path: _short_steps(path[0]), svg)


def _short_steps(path: bytes) -> bytes:
    """The path with its points rounded to hundredths, each as its distance from the one before, so that no error adds up."""
    here = begun = np.zeros(2, dtype=np.int64)
    steps: list[str] = []
    before = ""
    for letter, text in _STEP.findall(path):
        command = letter.decode().lower()
        points = np.rint(np.array(text.split(), dtype=float) * 100).astype(np.int64).reshape(-1, 2)
        if command == "z":
            here = begun
        for group in points.reshape(-1, {"m": 1, "l": 1, "q": 2, "c": 3}.get(command, 1), 2):
            numbers = [_hundredths(value) for value in (group - here).ravel()]
            steps.append("".join([*([] if command == before else [command]), *_joined(numbers, command == before)]))
            here, before = group[-1], command
            begun = here if command == "m" else begun
        if command == "z":
            steps.append("z")
            before = "z"
    return "".join(steps).encode()


def _tenths(value: float) -> bytes:
    return _hundredths(round(value * 10) * 10).encode()


def _hundredths(value: int) -> str:
    """A whole number of hundredths, as short as it can be written."""
    text = f"{value / 100:.2f}".rstrip("0").rstrip(".")
    return text.replace("0.", ".", 1) if text.lstrip("-").startswith("0.") else text


def _joined(numbers: list[str], goes_on: bool) -> list[str]:
    """The numbers with a blank before each that could be taken for a part of the one before."""
    return [text if text[0] == "-" or (i == 0 and not goes_on) else f" {text}" for i, text in enumerate(numbers)]
