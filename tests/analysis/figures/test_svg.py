"""SVG files: shorter than matplotlib writes them, every point where it was."""

from __future__ import annotations

import io
import re
from xml.etree import ElementTree

import numpy as np
import pytest

from freerun.analysis.figures import _style
from freerun.analysis.figures._compact_svg import compact, in_short_steps

PATH = re.compile(r' d="([^"]*)"')
#: Points of a step, by its letter.
POINTS = {"m": 1, "l": 1, "q": 2, "c": 3}


def points(path: str) -> list[tuple[str, np.ndarray]]:
    """Every step of a path, with its points where they stand, as the standard on SVG says (paths, 9.3)."""
    found, here, begun = [], np.zeros(2), np.zeros(2)
    for letter, text in re.findall(r"([a-zA-Z])([^a-zA-Z]*)", path):
        command = letter.lower()
        if command == "z":
            here = begun
            found.append(("z", here))
            continue
        numbers = np.array(re.findall(r"-?\d*\.?\d+", text), dtype=float).reshape(-1, POINTS[command], 2)
        for step in numbers:
            at = step + here if letter.islower() else step
            found.append((command, at))
            here = at[-1]
            begun = here if command == "m" else begun
    return found


def drawn() -> bytes:
    figure = _style.figure(4, 3)
    axes = figure.subplots()
    x = np.linspace(-3, 10, 300)
    axes.plot(x, np.sin(x) * 1e-3)
    axes.fill_between(x, np.sin(x) - 0.1, np.cos(x) + 0.1)
    axes.scatter(x[::20], np.cos(x[::20]))
    axes.set_title("Roessler -- 0.5 of 100")
    axes.text(0, 0, "in letters as wide", family="DejaVu Sans Mono")
    buffer = io.BytesIO()
    figure.savefig(buffer, format="svg")
    return buffer.getvalue()


def test_short_steps_lead_to_the_same_points():
    whole = drawn()
    short = in_short_steps(whole)
    assert len(short) < 0.7 * len(whole)
    assert PATH.sub("", whole.decode()) == PATH.sub("", short.decode()), "something else was touched"
    pairs = list(zip(PATH.findall(whole.decode()), PATH.findall(short.decode()), strict=True))
    assert len(pairs) > 20
    for before, after in pairs:
        wanted, seen = points(before), points(after)
        assert [letter for letter, _ in wanted] == [letter for letter, _ in seen]
        for (_, at), (_, there) in zip(wanted, seen, strict=True):
            assert there == pytest.approx(at, abs=0.00501)


def test_numbers_are_never_run_together():
    path = b' d="M 0.5 0.25 L 0.75 0.5 L 10 -0.004 Q 1 2 1.5 2.5 z M 3 3 L 3 3"'
    assert in_short_steps(path) == b' d="m.5 .25l.25 .25 9.25-.5q-9 2-8.5 2.5zm2.5 2.75l0 0"'


def marks(svg: bytes) -> list[tuple[str, dict[str, str], dict[str, str]]]:
    """Every mark in the order of drawing: its tag, its look with that of the groups around it, and its place."""
    root = ElementTree.fromstring(svg)
    (sheet,) = [each.text for each in root.iter() if each.tag.endswith("}style")]
    rules = {name: look(text) for name, text in re.findall(r"\.(\w+)\{([^}]*)\}", sheet)}
    found = []

    def walk(node, around, scale):
        own = around | rules.get(node.get("class", ""), {}) | look(node.get("style", ""))
        kept = {key.rpartition("}")[2]: value for key, value in node.attrib.items() if key not in ("style", "class", "id")}
        if moved := re.fullmatch(r"translate\((\S+) 0\)", kept.get("transform", "")):
            kept = {key: value for key, value in kept.items() if key != "transform"} | {"x": moved[1]}
        tag = node.tag.partition("}")[2]
        if tag != "g" or kept:
            found.append((tag, own, {**kept, "scale": scale}))
        drawn_in = re.search(r"scale\((\S+) ", kept.get("transform", ""))
        for child in node:
            walk(child, own, scale * float(drawn_in[1]) if drawn_in else scale)

    walk(root, {}, 1.0)
    return found


def look(text: str) -> dict[str, str]:
    return {key.strip(): value.strip() for key, _, value in (part.partition(":") for part in text.split(";")) if key.strip()}


def test_a_compact_drawing_has_the_same_marks_in_the_same_order_and_look():
    figure = drawn()
    whole, small = in_short_steps(figure), compact(figure)
    assert len(small) < 0.75 * len(whole)
    for (tag, own, kept), (wanted, of, place) in zip(marks(small), marks(whole), strict=True):
        assert (tag, own, kept.keys()) == (wanted, of, place.keys())
        for key, value in kept.items():
            if key in ("x", "y"):
                scale = kept["scale"]  # of letters, which stand in tenths of it
                near = 0.00501 if scale == 1 else 0.01
                assert scale * float(value) == pytest.approx(scale * float(place[key]), abs=near)
            elif key != "scale":
                letters = place[key].replace("DejaVuSans-", "D-").replace("DejaVuSansMono-", "M-")
                assert value == re.sub(r"#([mp]\w{6})\w{4}\b", r"#\1", letters)
    for name in re.findall(rb'(?:href="|url\()#([\w.-]+)', small):
        assert small.count(b'id="' + name + b'"') == 1, "what is referred to is there"


def test_names_keep_their_length_where_they_would_be_confused():
    defined = b'<svg xmlns:xlink="http://www.w3.org/1999/xlink"><path id="m%s"/><path id="m%s"/><use xlink:href="#m%s"/></svg>'
    alike = defined % (b"0123456789", b"012345ffff", b"012345ffff")
    assert b'href="#m012345ffff"' in compact(alike)
    assert b"xlink" not in compact(alike)
    apart = defined % (b"0123456789", b"0a2345ffff", b"0a2345ffff")
    assert b'href="#m0a2345"' in compact(apart)


def test_two_drawings_in_one_page_share_no_name_for_different_looks():
    figure = drawn()
    first, other = compact(figure), compact(figure.replace(b"#000000", b"#ff0000"))
    of = [dict(re.findall(rb"\.(\w+)\{([^}]*)\}", svg)) for svg in (first, other)]
    assert of[0] != of[1]
    assert all(of[0][name] == of[1][name] for name in of[0].keys() & of[1].keys())


def test_letters_of_both_fonts_have_short_names_and_are_there():
    small = compact(drawn())
    assert b"DejaVuSans" not in small
    assert len(set(re.findall(rb'href="#M-(\w+)"', small))) == len(set("in letters as wide"))
