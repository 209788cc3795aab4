"""`freerun list [KIND]`: the parts, reference players, launchers and studies there are."""

from __future__ import annotations

from freerun.cli.arguments import Parser
from freerun.errors import ConfigError
from freerun.io.suggestions import nearest
from freerun.parts import registry

#: The kinds of part as the command calls them, and all that it lists.
KINDS = {"feedback" if kind == "feedback" else f"{kind}s": kind for kind in registry.KINDS}
SECTIONS = (*KINDS, "players", "launchers", "studies")


def parser() -> Parser:
    """Make the parser of the command."""
    command = Parser("list", "[KIND]", examples=("freerun list", "freerun list regimes"))
    command.add_argument("kind", metavar="KIND", nargs="?", help=f"{', '.join(SECTIONS)} (default: all)")
    return command


def main(words: list[str]) -> int:
    """Print the names of a kind, or of all, each with its first sentence."""
    kind = parser().read(words).kind
    if kind is not None and kind not in SECTIONS:
        raise ConfigError(f"{kind!r} is not a kind; {nearest(kind, SECTIONS)}")
    for section in SECTIONS if kind is None else [kind]:
        entries = _entries(section)
        indent = "" if kind else "  "
        if kind is None:
            print(f"{section}:")
        width = max(map(len, entries))
        for name, text in entries.items():
            print(f"{indent}{name:{width}}  {text}")
    return 0


def _entries(section: str) -> dict[str, str]:
    """Return the names of a section, each with what it is: parts or launchers, then presets of parts."""
    from freerun.config import presets
    from freerun.execution import launchers

    if section == "studies":
        return _study_titles()
    if section == "players":
        from freerun.measurement import players

        return {name: registry.summary(type(player)) for name, player in players.known().items()}
    if section == "launchers":
        return {name: registry.summary(part) for name, part in launchers.known().items()}
    kind = KINDS[section]
    entries = {name: registry.summary(part) for name, part in registry.parts(kind).items()}
    return entries | {name: f"{presets.summary(kind, name)} (preset)" for name in presets.presets(kind)}


def _study_titles() -> dict[str, str]:
    from freerun.config.presets import config_folder, presets
    from freerun.io.yaml import read_yaml

    return {name: str(read_yaml(config_folder() / "study" / f"{name}.yaml").get("question", "")) for name in presets("study")}
