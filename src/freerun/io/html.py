"""HTML of objects for notebooks: tables, lines and a page in a frame; every text is escaped."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

_LEFT = ' style="text-align:left"'


def lines(texts: Iterable[str]) -> str:
    """Return texts, one a line."""
    shown = "<br>".join(escape(text) for text in texts)
    return f"<div>{shown}</div>" if shown else ""


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return a table; a head of empty texts is left out."""
    names = "".join(f"<th{_LEFT}>{escape(name)}</th>" for name in head)
    top = f"<thead><tr>{names}</tr></thead>" if any(head) else ""
    body = "".join(f"<tr>{''.join(f'<td{_LEFT}>{escape(str(cell))}</td>' for cell in row)}</tr>" for row in rows)
    return f"<table>{top}<tbody>{body}</tbody></table>"


def titled(title: str, content: str) -> str:
    """Return some HTML below a title."""
    return f"<div><strong>{escape(title)}</strong>{content}</div>"


def framed(page: str) -> str:
    """Return a whole page in a frame of its own, whose styles touch nothing around it and which runs no scripts."""
    return f'<iframe srcdoc="{escape(page)}" sandbox style="width:100%;height:700px;border:1px solid #ccc"></iframe>'
