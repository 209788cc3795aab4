"""Options of Hydra's command line, and what does their work here."""

from __future__ import annotations

from collections.abc import Iterable

_FILE = "a study of your own is a file, freerun study FILE.yaml; what --cfg job prints too, freerun run FILE.yaml"
_WHOLE = "--cfg job prints the whole experiment, every setting resolved; leave it out"
_INFO = "freerun list shows what there is to choose from, freerun run --cfg job the experiment, freerun plan what it costs"
_COMPLETION = "freerun completion prints what a shell needs: bash, zsh or fish"
_FOLDER = "a part of your own is a file, plugins=[FILE.py], and so is a study, freerun study FILE.yaml"
_CFG = "freerun run, plan and study take --cfg job, which prints the experiments"
_SWEEP = "freerun run -m makes sweeps, freerun plan -m plans them; what a study or a search lists is one already"
_RUN = "freerun run key=value trains; leave it out"
_AGAIN = "freerun run FILE.yaml does again what --cfg job has printed, freerun retry NAME what failed"
_OPTIONS = {
    ("--config-dir", "-cd"): _FOLDER,
    ("--config-name", "-cn", "--config-path", "-cp"): _FILE,
    ("--info", "-i"): _INFO,
    ("--cfg", "-c"): _CFG,
    ("--resolve", "--package", "-p"): _WHOLE,
    ("--multirun", "-m"): _SWEEP,
    ("--run", "-r"): _RUN,
    ("--experimental-rerun",): _AGAIN,
    ("--shell-completion", "-sc"): _COMPLETION,
    ("--hydra-help",): "freerun --help lists the commands, freerun run --help the keys and options of one",
    ("--version",): "freerun --version shows the version",
}
#: What does the work of an option, by the option.
ANSWERS = {option: text for options, text in _OPTIONS.items() for option in options}


def foreign(words: Iterable[str], own: Iterable[str]) -> str | None:
    """Return the message for the first word that is an option of Hydra and none of the command; None if there is none.

    Args:
        words: as they are typed.
        own: the options of the command.
    """
    options = set(own)
    heads = (word.partition("=")[0] for word in words)
    return next((f"{head}: {ANSWERS[head]}" for head in heads if head in ANSWERS and head not in options), None)
