"""`freerun check PATH_OR_NAME [--kind KIND] [--limit SECONDS] [key=value ...]`: the laws of a part, one by one."""

from __future__ import annotations

import sys
from contextlib import suppress
from typing import Any

from freerun.cli.arguments import Parser, apart
from freerun.errors import ConfigError
from freerun.io import key_value
from freerun.io.suggestions import nearest
from freerun.laws.check import APART, BROKEN, HOLDS, LIMIT, Checked, check
from freerun.parts.registry import KINDS


def parser() -> Parser:
    """Make the parser of the command."""
    command = Parser(
        "check", "NAME | FILE.py [key=value ...]", keys={"KEY=VALUE": "a setting of the part, instead of its default"},
        examples=("freerun check gru hidden=8", "freerun check mean --kind feedback --limit 30"),
    )  # fmt: skip
    command.add_argument("--kind", metavar="KIND", help=f"{', '.join(KINDS)}: where a name or a file stands for several")
    command.add_argument("--limit", metavar="SECONDS", default=str(LIMIT), help=f"most time for a law (default: {LIMIT:.0f})")
    text = "a built-in part or your own file of parts, and settings"
    command.add_argument("words", metavar="NAME key=value", nargs="*", help=text)
    return command


def main(words: list[str]) -> int:
    """Hold a part to the laws of its kind and print the table of verdicts."""
    target, kind, limit, settings = _read_words(words)
    from rich.console import Console

    with Console(stderr=True).status("loading") as status:
        done = check(target, kind, settings, limit, status.update)
    _show(done)
    if done.note is not None:
        print(f"note: {done.note}", file=sys.stderr)
    return 0 if done.kept else 1


def _show(done: Checked) -> None:
    """Print the table: a verdict, its law in words, and below a broken law its smallest counter-example and its cure."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    styles = {HOLDS: "green", BROKEN: "bold red", APART: "dim"}
    console = Console(width=None if Console().is_terminal else 120, highlight=False, markup=False)
    for part in done.parts:
        table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0), title_justify="left")
        table.add_column("verdict", no_wrap=True)
        table.add_column(f"law of {'an' if part[0] in 'aeiou' else 'a'} {part}")
        judged = [judgement for judgement in done.verdicts if judgement.kind == part.split()[0] and judgement.verdict]
        for judgement in judged:
            words = Text(judgement.law)
            if judgement.verdict == BROKEN:
                words.append(f"\n{judgement.why}", style="red")
                words.append(f"\nCure: {judgement.cure}")
            elif judgement.why:
                words.append(f" ({judgement.why})", style="dim")
            table.add_row(Text(judgement.verdict, style=styles[judgement.verdict]), words)
        console.print(table)
        holds, apart, broken = (sum(judgement.verdict == verdict for judgement in judged) for verdict in (HOLDS, APART, BROKEN))
        console.print(f"{part}: {holds} hold, {apart} do not apply, {broken} broken")


def _read_words(words: list[str]) -> tuple[str, str | None, float, dict[str, Any]]:
    options = parser().read(words)
    if options.kind is not None and options.kind not in (*KINDS, "figure"):
        raise ConfigError(f"--kind {options.kind}: unknown kind; {nearest(options.kind, [*KINDS, 'figure'])}")
    try:
        limit = float(options.limit)
    except ValueError:
        limit = 0
    if not 0 < limit < float("inf"):
        raise ConfigError(f"--limit must be a positive number of seconds, got {options.limit!r}")
    target, settings = apart(options.words, "check")
    if target is None:
        raise ConfigError("check takes one name, of a part or a file of yours, got none; for example freerun check gru")
    return target, options.kind, limit, {key: _literal(key, text) for key, text in key_value.pairs(settings).items()}


def _literal(key: str, text: str) -> Any:
    """Return the value that a text stands for: a number, list, true, false or null; anything else is text."""
    import yaml

    try:
        value = yaml.safe_load(text)
    except yaml.YAMLError:
        raise ConfigError(f"{key}={text}: not a value") from None
    if isinstance(value, str):
        with suppress(ValueError):
            return float(value)
    return value
