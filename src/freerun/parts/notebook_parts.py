"""Parts of a notebook: classes that were defined in the process that runs them, in no file that could be named in `plugins`.

Such a part is known by the name of its class and by the source of the class (`freerun.parts.notebook_source`). It is there from
its first use in an experiment on, in this process alone.
"""

from __future__ import annotations

import re
import sys
from contextlib import suppress
from typing import Any

from freerun.errors import ConfigError
from freerun.parts import notebook_source, registry
from freerun.parts.registry import HOME

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,63}")


def adopt(kind: str, part: Any) -> None:
    """Make the class of a part known under its own name, if it was defined in a notebook or in the script that is run.

    Any other part is left as it is.

    Raises:
        ConfigError: in one line, if it is named as another part, is not the class of that name any more, or has no source.
    """
    cls = type(part)
    if cls.__module__ != HOME or not isinstance(part, registry.base(kind)):
        return
    name = cls.__name__
    if not _NAME.fullmatch(name):
        raise ConfigError(f"{kind} {name[:60]}: a class is named by letters, digits and '_', at most 64, a letter first")
    if name in registry.builtin_parts(kind) or name in registry.plugin_parts[kind]:
        raise ConfigError(f"{kind} {name}: there is a {kind} of this name already; give the class another one")
    if cls.__qualname__ == name and getattr(sys.modules[HOME], name, cls) is not cls:
        raise ConfigError(f"{kind} {name} has been defined anew since this one was made; make it again")
    notebook_source.digest(cls)
    registry.notebook_parts[kind][name] = cls


def sources(*kinds: str) -> dict[str, str]:
    """Return the parts of some kinds, of all if none is named, each with the SHA-256 of its source as it is now.

    A part whose source cannot be had any more is left out: nothing is done with it.
    """
    digests = {}
    for kind in kinds or registry.KINDS:
        for name, cls in registry.notebook_parts[kind].items():
            with suppress(ConfigError):
                digests[f"{kind} {name}"] = notebook_source.digest(cls)
    return digests
