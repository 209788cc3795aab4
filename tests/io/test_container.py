"""Tests of the container: torn, altered, longer than it was written, of another kind or version, it is never believed."""

from __future__ import annotations

import hashlib
import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from freerun.io import container
from freerun.io.container import Form, unwrapped, wrapped
from freerun.io.reading import NotPlain

FORM, UNNAMED = Form("index", 4), Form(container.UNNAMED, 1)
BODY = json.dumps({"numbers": list(range(40)), "text": "é\n"}).encode() + b"\n\x00\xff" * 20


def refused(read, content, form=FORM):
    try:
        read(content, form)
    except NotPlain as fault:
        return str(fault)
    raise AssertionError(f"believed: {content[:120]!r}")


def one_line(said):
    """What was said, if it is short and printable."""
    assert len(said) < 150
    assert said.isprintable()
    return said


@given(st.binary(max_size=300), st.sampled_from((FORM, UNNAMED)))
def test_a_body_comes_back_and_has_one_file(body, form):
    content = wrapped(body, form)
    assert unwrapped(content, form) == body
    first, _, rest = content.partition(b"\n")
    found = json.loads(first)
    assert (found["format"], found.get("kind", container.UNNAMED)) == (form.version, form.kind)
    assert (found["sha256"], rest) == (hashlib.sha256(body).hexdigest(), body)
    assert len(first) < container.LONGEST_HEAD


def test_heads_of_records_are_those_of_the_first_version():
    digest = hashlib.sha256(BODY).hexdigest()
    assert wrapped(BODY, UNNAMED) == json.dumps({"format": 1, "sha256": digest}).encode() + b"\n" + BODY


def law_any_damage_is_seen(read):
    content = wrapped(BODY, FORM)
    for at in range(len(content)):
        refused(read, content[:at] + bytes([content[at] ^ (1 << at % 8)]) + content[at + 1 :])
        refused(read, content[:at])
        refused(read, content[:at] + content[at + 1 :])
        refused(read, content[:at] + b" " + content[at:])
    for longer in (content + b"\0", content + content, content + BODY, b"\n" + content, bytes(len(content))):
        refused(read, longer)


def law_one_head_for_one_body(read):
    digest = hashlib.sha256(BODY).hexdigest()
    same = {"format": FORM.version, "kind": FORM.kind, "sha256": digest}
    heads = [
        json.dumps(same, separators=(",", ":")), json.dumps(dict(reversed(same.items()))), json.dumps(same) + " ",
        json.dumps(same | {"sha256": digest.upper()}), json.dumps(same | {"more": 1}), json.dumps(same).replace("4", "4.0", 1),
        json.dumps(same).replace("index", "\\u0069ndex"), json.dumps(same) + "\r", " " * 10**6 + json.dumps(same),
    ]  # fmt: skip
    for head in heads:
        refused(read, head.encode() + b"\n" + BODY)


def law_another_kind_is_refused(read):
    for form in (Form("checkpoint", 4), UNNAMED, Form("index" * 20, 4), Form("x\x1b[2J", 4), Form("", 4)):
        assert FORM.kind in one_line(refused(read, wrapped(BODY, form)))
    assert "record" in refused(read, wrapped(BODY, FORM), UNNAMED)


def law_another_version_is_refused(read):
    assert "newer" in refused(read, wrapped(BODY, Form("index", 5)))
    assert "newer" in one_line(refused(read, wrapped(BODY, Form("index", 10**30))))
    assert "older" in refused(read, wrapped(BODY, Form("index", 3)))
    assert "newer" in refused(read, wrapped(BODY, Form(container.UNNAMED, 2)), UNNAMED)


def _believes_the_digest(content, form):
    end = content.find(b"\n", 0, container.LONGEST_HEAD) + 1
    container.declared(content[:end], form)
    return content[end:]


def _parses_the_head(content, form):
    """Believes what a head means, however it is written."""
    first, _, body = content.partition(b"\n")
    try:
        found = json.loads(first)
        digest = str(found["sha256"]).lower()
    except (ValueError, LookupError, TypeError):
        raise NotPlain("no head of an index or record") from None
    if digest != hashlib.sha256(body).hexdigest():
        raise NotPlain("altered")
    if found.get("kind", container.UNNAMED) != form.kind:
        raise NotPlain(f"no {form.kind}")
    return body


def _any_kind(content, form):
    kind = json.loads(content.partition(b"\n")[0]).get("kind", container.UNNAMED)
    return unwrapped(content, Form(kind, form.version))


def _any_version(content, form):
    return unwrapped(content, Form(form.kind, json.loads(content.partition(b"\n")[0])["format"]))


CAUGHT = {
    law_any_damage_is_seen: _believes_the_digest,
    law_one_head_for_one_body: _parses_the_head,
    law_another_kind_is_refused: _any_kind,
    law_another_version_is_refused: _any_version,
}


@pytest.mark.parametrize("law", CAUGHT, ids=lambda law: law.__name__)
def test_law(law):
    law(unwrapped)


@pytest.mark.parametrize(("law", "broken"), CAUGHT.items(), ids=lambda part: part.__name__)
def test_law_catches(law, broken):
    with pytest.raises(AssertionError):
        law(broken)


def test_a_body_in_parts_has_the_checksum_of_the_whole():
    digest = container.declared(wrapped(BODY, FORM).partition(b"\n")[0] + b"\n", FORM)
    for at in np.linspace(0, len(BODY), 7).astype(int):
        container.demand(digest, [BODY[:at], BODY[at:]])
    with pytest.raises(NotPlain, match="checksum"):
        container.demand(digest, [BODY[1:], BODY[:1]])
