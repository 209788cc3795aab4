"""`freerun completion bash|zsh|fish`: what a shell needs to complete commands, keys and names."""

from __future__ import annotations

from collections.abc import Iterator

from freerun.commands import COMMANDS
from freerun.errors import ConfigError, nearest

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
    local -a found
    found=("${(@f)$(freerun completion --of "$LBUFFER" 2>/dev/null)}")
    compadd -S '' -- $found
}
compdef _freerun freerun
""",
    "fish": "complete -c freerun -f -a '(freerun completion --of (commandline -cp) 2>/dev/null)'\n",
}


def main(words: list[str]) -> int:
    """Print the script of a shell; with ``--of LINE`` the ways in which the line can go on, one a line."""
    if len(words) == 2 and words[0] == "--of":
        print("\n".join(candidates(words[1])))
        return 0
    if len(words) != 1 or words[0] not in SCRIPTS:
        raise ConfigError(f"freerun completion takes one shell; {nearest(words[0] if words else '', SCRIPTS)}")
    print(SCRIPTS[words[0]], end="")
    return 0


def candidates(line: str) -> list[str]:
    """How the last word of a command line can go on."""
    words = line.split(" ")
    current, before = words[-1], [word for word in words[1:-1] if word]
    return sorted({word for word in _possible(current, before) if word.startswith(current)})


def _possible(current: str, before: list[str]) -> Iterator[str]:
    from freerun import catalog
    from freerun.compose import presets

    if not before:
        yield from COMMANDS
        return
    command, key = before[0], current.partition("=")[0]
    if command == "list":
        yield from [kind if kind == "feedback" else f"{kind}s" for kind in catalog.KINDS] + ["launchers", "studies"]
    elif command == "completion":
        yield from SCRIPTS
    elif command == "check":
        yield from (name for kind in catalog.KINDS for name in catalog.parts(kind))
    elif command in ("run", "study", "search", "plan", "retry"):
        yield from _options(command)
        if "=" in current:
            yield from (f"{key}={value}" for value in _values(key))
        else:
            yield from (f"{key}=" for key in _keys(before))
            yield from presets("study") if command in ("study", "plan", "retry") else ()
    else:
        yield from presets("study")
        yield from {"table": ["--format"], "export": ["--to"], "clean": ["--yes"], "compare": ["--study"]}.get(command, [])


def _options(command: str) -> list[str]:
    own = {"run": ["--multirun", "--cfg"], "study": ["--as"], "search": ["--as", "--trials", "--target", "--maximize"]}
    return ["--results", "--workers", "--group", *own.get(command, [])]


def _values(key: str) -> list[str]:
    from freerun import catalog, fit, launchers
    from freerun.compose import presets
    from freerun.config import PARTS

    if key in PARTS:
        return [*catalog.parts(key), *presets(key)]
    fixed = {"launcher": list(launchers.known()), "gradient": ["through", "stop"]}
    fixed |= {"device": list(fit.DEVICES), "dtype": list(fit.DTYPES)}
    return fixed.get(key, [])


def _keys(before: list[str]) -> Iterator[str]:
    """The keys of the experiment, those of parts and of the launcher that have been chosen among them."""
    from dataclasses import fields

    from freerun import catalog, launchers
    from freerun.config import PARTS, Evaluation, Experiment, Training

    chosen = dict(word.split("=", 1) for word in before if "=" in word)
    yield from (*(item.name for item in fields(Experiment)), "launcher", "plugins")
    for node, kind in (("training", Training), ("evaluation", Evaluation)):
        yield from (f"{node}.{item.name}" for item in fields(kind))
    parts = {key: catalog.parts(key).get(chosen[key]) for key in PARTS if key in chosen}
    parts["launcher"] = launchers.known().get(chosen.get("launcher", launchers.DEFAULT))
    for key, part in parts.items():
        if part is not None:
            yield from (f"{key}.{item.name}" for item in fields(part))
