"""State that a part of a user's own shares with all else in its process: what it changes is put back, and refused by name.

A run is known by its settings and by the sources of its own parts. A plugin that changed the default type of torch, or a
function of a built-in part, would give other numbers to runs that do not know of it, and the store would keep them for good.
What is looked at is how libraries are set, and what the names of Freerun, torch and numpy stand for.
"""

from __future__ import annotations

import inspect
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from types import ModuleType
from typing import Any

from freerun.errors import ConfigError
from freerun.parts import registry

#: Modules whose names are to stay what they are, beside all of Freerun.
_MODULES = ("builtins", "math", "numpy", "torch", "torch.nn.functional", "torch.nn.init")
#: What of the registry of parts can be changed.
_REGISTRIES = ("KINDS", "plugin_parts", "plugin_figures", "notebook_parts")
#: What the environment holds that libraries compute by begins so.
_VARIABLES = ("ATEN_", "FREERUN_", "MKL_", "OMP_")
#: Signals by which a command is ended, or goes on when its terminal is closed.
_SIGNALS = tuple(number for name in ("SIGHUP", "SIGINT", "SIGPIPE", "SIGTERM") if (number := getattr(signal, name, None)))


@dataclass(frozen=True, kw_only=True)
class _Setting:
    """A setting of the process.

    Attributes:
        words: what it is called.
        read, write: return it, and put it back.
        fresh: what it is where torch has just been loaded; None where that is not known.
        instead: what to do instead of changing it; "" where it is simply put back.
    """

    words: str
    read: Callable[[], Any]
    write: Callable[[Any], Any]
    fresh: Any = None
    instead: str = ""


def _settings() -> Iterator[_Setting]:
    yield _Setting(words="the working folder", read=os.getcwd, write=os.chdir, instead="begin paths at __file__")
    import numpy as np

    yield _Setting(words="how numpy treats errors", read=np.geterr, write=lambda held: np.seterr(**held))
    yield _Setting(words="recursion", read=sys.getrecursionlimit, write=sys.setrecursionlimit)
    for stream in ("stdout", "stderr"):
        yield _Setting(words=stream, read=partial(getattr, sys, stream), write=partial(setattr, sys, stream))
    if threading.current_thread() is threading.main_thread():
        for number in _SIGNALS:
            yield _Setting(words=number.name, read=partial(signal.getsignal, number), write=partial(signal.signal, number))
    if "torch" in sys.modules:
        yield from _settings_of_torch(sys.modules["torch"])


def _settings_of_torch(torch: Any) -> Iterator[_Setting]:
    own, bits = "name it where tensors are made", "leave it out: a run has the same bits without"
    yield _Setting(
        words="torch's default type", read=torch.get_default_dtype, write=torch.set_default_dtype, fresh=torch.float32,
        instead=own,
    )  # fmt: skip
    yield _Setting(
        words="torch's default device", read=lambda: torch.get_default_device().type,
        write=lambda held: torch.set_default_device(None if held == "cpu" else held), fresh="cpu", instead=own,
    )  # fmt: skip
    yield _Setting(
        words="torch's deterministic algorithms", read=torch.are_deterministic_algorithms_enabled,
        write=torch.use_deterministic_algorithms, fresh=False, instead=bits,
    )  # fmt: skip
    yield _Setting(
        words="the precision of torch's products", read=torch.get_float32_matmul_precision,
        write=torch.set_float32_matmul_precision, fresh="highest", instead=bits,
    )  # fmt: skip
    yield _Setting(
        words="torch's threads", read=torch.get_num_threads, write=torch.set_num_threads, instead="see launcher.threads"
    )
    yield _Setting(
        words="whether torch keeps gradients", read=torch.is_grad_enabled, write=torch.set_grad_enabled, fresh=True,
        instead="use torch.no_grad() where it is meant",
    )  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Shared:
    """What a process holds that all of its runs share.

    Attributes:
        settings: the value of each, by what it is called.
        parts: of the registry, by the name that holds them there.
        environment: of the libraries that compute.
        names: what each name of a watched module, or of a class that it defines, stands for.
    """

    settings: dict[str, Any]
    parts: dict[str, dict[str, Any]]
    environment: dict[str, str]
    names: dict[str, tuple[Any, dict[str, Any]]]

    @classmethod
    def held(cls) -> Shared:
        """Return what is held now."""
        return cls(
            settings={setting.words: setting.read() for setting in _settings()},
            parts={name: _registered(name) for name in _REGISTRIES},
            environment=_environment(),
            names={name: (holder, dict(vars(holder))) for name, holder in _holders()},
        )

    def restore(self, own: str) -> None:
        """Put back what has changed since.

        Args:
            own: the name of the module that was loaded meanwhile.

        Raises:
            ConfigError: naming the first change that would change other runs too, after all are put back.
        """
        changes = [
            *_put_back(self.settings),
            *self._parts_put_back(),
            *self._environment_put_back(),
            *self._names_put_back(),
            *self._taken_out(own),
        ]
        if changes:
            raise ConfigError(f"changes {changes[0]}")

    def _parts_put_back(self) -> Iterator[str]:
        for name, held in self.parts.items():
            now = getattr(registry, name)
            if now != held:
                now.clear()
                now.update(held)
                yield _instead(f"freerun.parts.registry.{name}")

    def _environment_put_back(self) -> Iterator[str]:
        now = _environment()
        for name in sorted({*now, *self.environment}):
            if now.get(name) != (held := self.environment.get(name)):
                os.environ.pop(name) if held is None else os.environ.update({name: held})
                yield f"{name} in the environment, which all runs are computed by; set it where you start Freerun"

    def _names_put_back(self) -> Iterator[str]:
        for name, (holder, held) in self.names.items():
            now = vars(holder)
            for key in [key for key, value in held.items() if key in now and now[key] is not value and _counts(value)]:
                setattr(holder, key, held[key])
                yield _instead(f"{name}.{key}")

    def _taken_out(self, own: str) -> Iterator[str]:
        """Take out what a module has added to Freerun, torch or numpy, also to what it was the first to load."""
        for name, holder in _holders():
            for key, value in list(vars(holder).items()):
                function = inspect.unwrap(getattr(value, "__func__", value)) if callable(value) else value
                if getattr(function, "__module__", None) == own and not name.startswith("freerun_plugin"):
                    delattr(holder, key)
                    yield _instead(f"{name}.{key}")


@contextmanager
def kept() -> Iterator[None]:
    """Let parts compute, and see that libraries are set afterwards as they were.

    Raises:
        ConfigError: naming what is not, after it is put back; whatever else went wrong may come of it.
    """
    held = {setting.words: setting.read() for setting in _settings() if setting.instead}
    try:
        yield
    finally:
        if changes := list(_put_back(held)):
            raise ConfigError(f"a part of this run changes {changes[0]}")


def _registered(name: str) -> dict[str, Any]:
    """Return what the registry holds under a name, in dictionaries of its own."""
    return {key: dict(value) if isinstance(value, dict) else value for key, value in getattr(registry, name).items()}


def _put_back(settings: dict[str, Any]) -> Iterator[str]:
    """Put back settings, those that torch has when it is loaded among them; yield in words what was changed that counts."""
    for setting in _settings():
        held = settings.get(setting.words, setting.fresh)
        if held is not None and setting.read() != held:
            setting.write(held)
            if setting.instead:
                yield f"{setting.words} for all runs; {setting.instead}"


def _environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name.startswith(_VARIABLES)}


def _holders() -> Iterator[tuple[str, Any]]:
    """Yield the modules that are watched, and the classes that those of Freerun define, each with its name."""
    for name, module in list(sys.modules.items()):
        if not isinstance(module, ModuleType) or not (name in _MODULES or name.partition(".")[0] == "freerun"):
            continue
        yield name, module
        for key, value in list(vars(module).items()):
            if inspect.isclass(value) and value.__module__ == name and name.startswith("freerun"):
                yield f"{name}.{key}", value


def _counts(value: Any) -> bool:
    """Whether a name has to stay what it is: that of a function, a class, a module, a number or a text, of no cache."""
    plain = int | float | str | tuple | frozenset | staticmethod | classmethod | property | ModuleType
    return callable(value) or isinstance(value, plain)


def _instead(name: str) -> str:
    return f"{name} for all runs; derive a part of your own"
