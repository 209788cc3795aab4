"""`freerun figures [NAME] [--format FORMAT]`: the figures of a study."""

from __future__ import annotations

from freerun.cli.arguments import DEFAULT_STUDY, parser, place
from freerun.errors import ConfigError
from freerun.io.suggestions import nearest


def main(words: list[str]) -> int:
    """Draw the figures from the records alone."""
    parsed = parser("figures")
    parsed.add_argument("--format")
    parsed.add_argument("name", nargs="?", default=DEFAULT_STUDY)
    options = parsed.parse_intermixed_args(words)
    from freerun.analysis import figures, outputs

    if options.format is not None and options.format not in figures.FORMATS:
        raise ConfigError(f"--format {options.format}: unknown; {nearest(options.format, figures.FORMATS)}")
    formats = figures.USUAL_FORMATS if options.format is None else (options.format,)
    outputs.of(options.name, place(options)).write_figures(formats)
    return 0
