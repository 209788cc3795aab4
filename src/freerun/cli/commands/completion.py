"""`freerun completion bash|zsh|fish`: completion of commands, keys and names in a shell."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from importlib import import_module
from itertools import pairwise
from pathlib import Path
from typing import Any

from freerun.cli.arguments import COMMANDS, Parser
from freerun.errors import ConfigError, FreerunError
from freerun.io import key_value
from freerun.io.suggestions import nearest

SCRIPTS = {
    "bash": """\
_freerun() {
    local IFS=$'\\n' words="${COMP_LINE:0:$COMP_POINT}" current
    current="${words##* }"
    COMPREPLY=($(freerun completion --of "$words" 2>/dev/null))
    case "$current" in *=*) COMPREPLY=("${COMPREPLY[@]#"${current%%=*}="}");; esac
    case "${COMPREPLY[0]}" in *=) compopt -o nospace;; esac
}
complete -o default -F _freerun freerun
""",
    "zsh": """\
#compdef freerun
_freerun() {
    local -a candidates
    candidates=("${(@f)$(freerun completion --of "$LBUFFER" 2>/dev/null)}")
    compadd -S '' -- $candidates
}
compdef _freerun freerun
""",
    "fish": "complete -c freerun -f -a '(freerun completion --of (commandline -cp) 2>/dev/null)'\n",
}


#: Commands that take the name of a study, or of a sweep that was run: those that train it take settings too.
TRAINED, LOOKED_AT = ("study", "plan"), ("table", "figures", "paper", "report", "compare", "status", "retry", "export", "clean")


def parser() -> Parser:
    """Make the parser of the command."""
    examples = ("freerun completion bash >> ~/.bashrc", "freerun completion fish > ~/.config/fish/completions/freerun.fish")
    command = Parser("completion", " | ".join(SCRIPTS), examples=examples)
    command.add_argument("--of", metavar="LINE", help="print how a command line can go on; the scripts ask for it")
    command.add_argument("shell", metavar="SHELL", nargs="?", help=", ".join(SCRIPTS))
    return command


def main(words: list[str]) -> int:
    """Print the script of a shell; with ``--of LINE`` the ways in which the line can go on, one a line."""
    options = parser().read(words)
    if options.of is not None:
        print("\n".join(candidates(options.of)))
        return 0
    if options.shell not in SCRIPTS:
        raise ConfigError(f"completion takes one shell; {nearest(options.shell or '', SCRIPTS)}")
    print(SCRIPTS[options.shell], end="")
    return 0


def candidates(line: str) -> list[str]:
    """Return the ways in which the last word of a command line can go on."""
    words = line.split(" ")
    current, before = words[-1], [word for word in words[1:-1] if word]
    return sorted({word for word in _possible(current, before) if word.startswith(current)})


def _possible(current: str, before: list[str]) -> Iterator[str]:
    from freerun.cli.commands import list as list_command
    from freerun.config.presets import presets
    from freerun.parts import registry

    if not before:
        yield from COMMANDS
        return
    command, key = before[0], key_value.key_of(current)
    if command not in COMMANDS or before[-1] in ("--results", "--out", "--as"):
        return
    parser_of_command: Parser = import_module(f"freerun.cli.commands.{command}").parser()
    yield from (option for option in parser_of_command.options() if option.startswith("--"))
    if command == "list":
        yield from list_command.SECTIONS
    elif command == "completion":
        yield from SCRIPTS
    elif command == "check":
        yield from (name for kind in registry.KINDS for name in registry.parts(kind))
    else:
        if command in ("run", *TRAINED, "search", "retry"):
            yield from (f"{key}={value}" for value in _values(key, before)) if key_value.is_setting(current) else _keys(before)
        if command == "compare" and "--study" in before[:-1]:
            yield from [*registry.parts("regime"), *registry.parts("model")]
        elif command in (*TRAINED, *LOOKED_AT):
            yield from presets("study")
            yield from _names(before)


def _names(before: list[str]) -> Iterator[str]:
    """Yield the studies that have results, under whatever name."""
    from freerun.store import results_folder

    folder = next((value for option, value in pairwise(before) if option == "--results"), "results")
    with suppress(FreerunError, OSError):
        for name in results_folder.names(results_folder.Place(results=Path(folder))):
            with suppress(ConfigError):  # a folder that no command would take
                yield results_folder.folder_name(name)


def _values(key: str, before: list[str]) -> list[str]:
    from freerun.config import compatibility
    from freerun.config.experiment import PARTS
    from freerun.config.presets import presets
    from freerun.execution import launchers
    from freerun.parts import registry

    if key in PARTS:
        return [*registry.parts(key), *presets(key)]
    fixed = {"launcher": list(launchers.known()), "gradient": ["through", "stop"]}
    fixed |= {"device": list(compatibility.DEVICES), "dtype": list(compatibility.DTYPES)}
    return fixed[key] if key in fixed else _choices(key, before)


def _choices(key: str, before: list[str]) -> list[str]:
    """Return the values of a setting that has a closed list of them."""
    from dataclasses import fields
    from enum import Enum

    from freerun.config import evaluation_settings, training_settings

    node, _, name = key.partition(".")
    classes = {**_chosen(before), "training": training_settings.Training, "evaluation": evaluation_settings.Evaluation}
    default = next((item.default for item in fields(classes[node]) if item.name == name), None) if classes.get(node) else None
    if isinstance(default, bool):
        return ["false", "true"]
    return [str(member.value) for member in type(default)] if isinstance(default, Enum) else []


def _chosen(before: list[str]) -> dict[str, Any]:
    """Return the classes of the parts and of the launcher that the words choose."""
    from freerun.config.experiment import PARTS
    from freerun.execution import launchers
    from freerun.parts import registry

    words = key_value.pairs(key_value.separate(before)[1])
    classes: dict[str, Any] = {"launcher": launchers.known().get(words.get("launcher", launchers.DEFAULT))}
    return classes | {key: registry.parts(key).get(words[key]) for key in PARTS if key in words}


def _keys(before: list[str]) -> Iterator[str]:
    """Yield the keys of the experiment, and those of the chosen parts and launcher."""
    from dataclasses import fields

    from freerun.config.evaluation_settings import Evaluation
    from freerun.config.experiment import Experiment
    from freerun.config.training_settings import Training

    parts = _chosen(before)
    yield "launcher="
    if before[0] in ("study", "plan"):
        yield "quick=true"
    if before[0] != "retry":  # whose runs stay what they were
        yield from (f"{name}=" for name in (*(item.name for item in fields(Experiment)), "plugins"))
        for node, settings_class in (("training", Training), ("evaluation", Evaluation)):
            yield from (f"{node}.{item.name}=" for item in fields(settings_class) if item.name != "settings")
    for key, part in parts.items():
        if part is not None and (key == "launcher" or before[0] != "retry"):
            yield from (f"{key}.{item.name}=" for item in fields(part))
