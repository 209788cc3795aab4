"""Cases of hints: a command that a message prints is taken as it is printed, by a shell, with these results and names."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

from freerun.analysis import outputs
from freerun.analysis.report import comparison
from freerun.cli.arguments import COMMANDS
from freerun.cli.main import main
from freerun.errors import ConfigError
from freerun.io import text
from freerun.store import results_folder
from freerun.store.results_folder import Place
from freerun.sweeps import cleaning, remeasurement, retry, shards, sweep
from freerun.sweeps import study as studies
from freerun.sweeps.search import search

#: Folders of results: the usual one, and such as a shell has to be told of in quotes.
FOLDERS = ("results", "else where", "it's (mine)", "-dash & $HOME;*")
TINY = [
    "task=hidden_markov",
    "task.sequences=16",
    "task.length=6",
    "evaluation.warmup=1",
    "evaluation.sequences=4",
    "model.hidden=2",
]
RUN = ["run", *TINY, "training.updates=2", "training.batch=2", "launcher=inline"]
#: A command in a text that is a form to be filled in, in words or capitals.
FORM = re.compile(r"freerun (\w+)( [\w.-]+)*,? (-?-?\w+ )?(DIR|NAME|FILE|key=value|does it)")


class Taken(BaseException):
    """A command has begun to do what it is for."""


class Desk:
    """A desk with results of a few runs, at which commands are typed."""

    def __init__(self, folder: Path, results: str, capsys, monkeypatch) -> None:
        self.folder, self.results = folder, results
        self._capsys, self._monkeypatch = capsys, monkeypatch
        self.printed: list[str] = []
        self.without: list[tuple[str, object, str]] = []
        plain = text.command

        def noted(*given):
            self.printed.append(plain(*given))
            return self.printed[-1]

        monkeypatch.chdir(folder)
        monkeypatch.setattr(results_folder, "command", noted)
        monkeypatch.setattr("freerun.sweeps.study.pasted", noted)
        monkeypatch.setattr(comparison, "command", noted)

    def type(self, *words: str) -> tuple[object, str]:
        """The exit code of a command on these results, and all that it has said."""
        elsewhere = [] if self.results == "results" else [f"--results={self.results}"]
        with pytest.raises(SystemExit) as end:
            main([*words, *elsewhere])
        return end.value.code, "".join(self._capsys.readouterr())

    def hints(self, said: str) -> list[str]:
        """The commands in a text: each was printed as a command, or is a form to be filled in."""
        known = sorted({line for line in self.printed if line in said}, key=len, reverse=True)
        rest = said
        for line in known:
            rest = rest.replace(line, "")
        for found in re.finditer(rf"freerun ({'|'.join(COMMANDS)})\b.*", rest):
            assert FORM.match(found[0]), f"a command that is no hint: {found[0]}"
        return known

    def look(self, what: str, *words: str) -> None:
        """Type a command, and then all that it prints as hints."""
        code, said = self.type(*words)
        hints = self.hints(said)
        if not hints:
            self.without.append((what, code, said))
        for line in hints:
            self.accepts(line)

    def accepts(self, line: str) -> None:
        """Run a hint as a shell would; what it would train, draw or remove is left."""
        shell = f"freerun() {{ printf '%s\\0' \"$@\"; printf '\\n\\0'; }}; {line}"
        done = subprocess.run(["/bin/sh", "-c", shell], capture_output=True, text=True, check=True, cwd=self.folder)
        for words in done.stdout.split("\n\0")[:-1]:
            assert self._reached(words.split("\0")[:-1]), f"{line}: {self._capsys.readouterr()}"

    def _reached(self, words: list[str]) -> bool:
        """Whether a command is taken as far as it does what it is for, which it does not do here."""

        def there(*given, **named):
            raise Taken

        with self._monkeypatch.context() as patch:
            for owner, name in (
                (sweep, "do"), (retry, "retry"), (outputs.Products, "write_report"), (outputs.Products, "write_tables"),
                (cleaning.Removable, "remove"), (search.Search, "run"), (remeasurement, "asked"), (sweep, "states"),
                (comparison, "in_study"), (studies, "load"),
            ):  # fmt: skip
                patch.setattr(owner, name, there)
            try:
                main(words)
            except Taken:
                self._capsys.readouterr()
                return True
            except SystemExit:
                return False
        return False


@pytest.fixture(params=FOLDERS)
def desk(request, tmp_path, capsys, monkeypatch):
    return Desk(tmp_path, request.param, capsys, monkeypatch)


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    """Results of a study of two runs."""
    folder = tmp_path_factory.mktemp("kept") / "results"
    with pytest.raises(SystemExit) as end:
        main([*RUN, "-m", "seed=range(2)", "--as", "two", "--results", str(folder)])
    assert end.value.code == 0
    return folder


def test_hints_where_nothing_was_trained_are_taken_as_they_are_printed(desk):
    desk.look("no study at all", "table", "two")
    desk.look("no results at all", "status")
    folder = Path(desk.results, "two")
    folder.mkdir(parents=True)
    (folder / "study.json").write_text("{")
    desk.look("a damaged study", "report", "two")
    Path("its own.yaml").write_text(desk.type("run", *TINY, "--cfg", "job")[1])
    desk.look("a file of experiments", "study", "its own.yaml")
    desk.look("a study that is run", "run", "path_star")
    assert desk.without == [], "messages that have lost their hint"


@pytest.mark.slow
def test_hints_of_messages_are_taken_as_they_are_printed(desk, kept, monkeypatch):
    shutil.copytree(kept, desk.results)
    place = Place(results=Path(desk.results))
    desk.look("the end of a run", *RUN, "-m", "seed=range(2)", "--as", "two")
    for name in ("old", "gone"):
        shutil.copytree(place.folder("two"), place.folder(name))
    grid = ["training.lr=choice(0.1,0.2)", "--sampler", "grid", "launcher=inline"]
    desk.look("a search under a taken name", "search", *TINY, *grid, "--as", "two")
    desk.look("runs that are united", "merge", str(kept))
    for path in place.store.root.glob("??/*"):
        path.unlink()
    (place.folder("two") / "runs.parquet").unlink()  # with its tables the report would be built from them
    desk.look("no run with a record", "report", "two")
    desk.look("no weights to measure", "measure", "gone", "evaluation.horizon=3", "launcher=inline")
    with monkeypatch.context() as patch:
        patch.setattr(remeasurement, "generation", lambda info: 3)
        desk.look("an older generation", "measure", "old", "evaluation.horizon=3")
    with monkeypatch.context() as patch:
        patch.setattr(retry, "from_canonical", unknown_part)
        desk.look("a part that is not there", "retry", "old")
    assert desk.without == [], "messages that have lost their hint"


def unknown_part(tree):
    raise ConfigError("regime=mine: unknown regime; choose one of: a, b")


@pytest.mark.parametrize(
    "words",
    [
        ["seed=range(2)", "model=glob(g*)"],
        ["task=text", "task.path='my $data; it.txt'", "seed=0"],
        ["regime=scheduled_sampling", "regime.end=0.1,0.5", "evaluation.metrics=[loss,tv]"],
    ],
)
def test_the_command_of_a_study_is_one_that_a_shell_takes(words, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("my $data; it.txt").write_text("the cat sat on the mat. " * 400)
    Path("my study.yaml").write_text("cases: [{seed: 0}]\n")
    asked = studies.adhoc(words, sweep=True, alias="mine")
    assert shlex.split(asked.command) == ["freerun", "run", "-m", *words, "--as", "mine"]
    elsewhere = Place(results=Path("else where"))
    assert shlex.split(elsewhere.again(asked.command)) == [*shlex.split(asked.command), "--results", "else where"]
    part = shards.part(studies.load("my study.yaml", ["seed=range(2)"], "mine"), shards.Shard(1, 2))
    assert shlex.split(part.command) == ["freerun", "study", "my study.yaml", "seed=range(2)", "--as", "mine", "--shard", "1/2"]
    both = elsewhere.again("freerun run seed=range(2) && freerun measure two 'metrics=[loss]'")
    assert both == (
        "freerun run 'seed=range(2)' --results 'else where' && freerun measure two 'metrics=[loss]' --results 'else where'"
    )


@pytest.mark.parametrize("length", [10, 150, 900])
def test_a_hint_is_never_cut(length):
    hint = text.command(["clean", "two", "--yes"], Path("x" * length))
    said = text.message(ConfigError(f"{'y' * length}: damaged; or: {hint}"))
    assert said.endswith(f": {hint}")
    assert len(said) <= text.LINE + 2 + len(hint)
    endless = text.message(ConfigError(f"study: run: freerun run {'z' * 10**6}"))
    assert len(endless) <= text.LINE, "a command that no shell takes is cut"
