"""`freerun list [KIND]`: what there is to choose from."""

from __future__ import annotations

from freerun.errors import ConfigError
from freerun.io.suggestions import nearest


def main(words: list[str]) -> int:
    """Print the names of a kind, or of all, each with its first sentence."""
    from freerun.execution import launchers
    from freerun.parts import registry

    kinds = {{"feedback": "feedback"}.get(kind, f"{kind}s"): kind for kind in registry.KINDS}
    sections = [*kinds, "launchers", "studies"]
    if len(words) > 1:
        raise ConfigError(f"list takes one kind, got {len(words)}")
    if words and words[0] not in sections:
        raise ConfigError(f"{words[0]!r} is not a kind; {nearest(words[0], sections)}")
    for section in words or sections:
        if section == "studies":
            entries = _study_titles()
        else:
            found = launchers.known() if section == "launchers" else registry.parts(kinds[section])
            entries = {name: registry.summary(part) for name, part in found.items()}
        if not words:
            print(f"{section}:")
        width = max(map(len, entries))
        for name, text in entries.items():
            print(f"{'' if words else '  '}{name:{width}}  {text}")
    return 0


def _study_titles() -> dict[str, str]:
    from freerun.config.hydra.presets import config_folder, presets
    from freerun.io.yaml import read_yaml

    return {name: str(read_yaml(config_folder() / "study" / f"{name}.yaml").get("question", "")) for name in presets("study")}
