"""Source of a part that is not built in, as it is known by: changed code is another run, and another measurement."""

from __future__ import annotations

import sys

from freerun.parts import notebook_source
from freerun.parts.registry import HOME


def source_of(part: object) -> str | None:
    """Return the SHA-256 of the source of a part; None for a part that is built in.

    That of a plugin is its file's, that of a class of a notebook is what `freerun.parts.notebook_source` says.

    Raises:
        ConfigError: if the source of a class of a notebook cannot be had any more.
    """
    if type(part).__module__ == HOME:
        return notebook_source.digest(type(part))
    digest: str | None = getattr(sys.modules[type(part).__module__], "__freerun_digest__", None)
    return digest
