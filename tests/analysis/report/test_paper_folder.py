"""Tests of the folder of a paper: what it holds, that its LaTeX is sound, and that rows keep their baselines."""

import re
import shutil
import subprocess
from pathlib import Path

import pandas as pd
import pytest

from freerun.analysis import figures
from freerun.analysis.figures import Material
from freerun.analysis.report import paper_folder, paper_table
from freerun.analysis.report.paper_folder import Asked
from freerun.analysis.tables import tidy
from freerun.cli.main import dispatch
from freerun.errors import ConfigError
from synthetic import grid, study

NASTY = r"a_b%c&d$e#f{g}h~i^j\k"
KEPT = Path(__file__).resolve().parents[3] / "results"


@pytest.fixture(scope="module")
def material(tmp_path_factory):
    """Two tasks, one of them with a name that is hard for LaTeX, two models, three regimes, two learning rates of the last."""
    store, ids = study(
        tmp_path_factory.mktemp("store"),
        grid(tasks=("lorenz63", NASTY), models=("gru", "lstm"), regimes=("teacher_forcing", "free_running"))
        + grid(tasks=("lorenz63",), models=("gru",), regimes=("teacher_forcing", "free_running"), training__lr=0.01),
    )
    return figures.prepared(Material.of(tidy.frames(store, ids, "s"), {}), {}, figures.paper("icml"))


@pytest.fixture(scope="module")
def folder(material, tmp_path_factory):
    made = tmp_path_factory.mktemp("paper") / "new" / "folder"
    asked = Asked(figures=("gap_over_lead",), command="freerun paper s --venue icml")
    assert list(paper_folder.write("my study_1", material, asked, made))[-1].endswith("paper.tex; main.tex compiles it")
    return made


def sound(text):
    """Whether braces and environments are balanced, and every letter that LaTeX takes for a command is escaped."""
    body = re.sub(r"(?m)^%.*$", "", text)
    opened = []
    for kind, name in re.findall(r"\\(begin|end)\{([a-z*]+)\}", body):
        if kind == "begin":
            opened.append(name)
        elif not opened or opened.pop() != name:
            return False
    plain = re.sub(r"\\[\\&%$#_{}]|\\[a-zA-Z]+", "", body)
    depth = 0
    for letter in plain:
        depth += {"{": 1, "}": -1}.get(letter, 0)
        if depth < 0:
            return False
    paths = re.sub(r"/[\w./]+|\{(fig|tab):[a-z0-9-]+\}", "", plain).replace("{!}{%", "").replace("$-$", "").replace("$$", "")
    paths = re.sub(r"(?m) & ", "", paths)
    return not opened and depth == 0 and not re.search(r"[%#_^&$]", paths) and body.isascii()


def test_it_holds_figures_tables_data_and_the_command(folder):
    names = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    assert names == [
        "command.txt", "data/gap_over_lead.csv", "data/results.csv", "figures/gap_over_lead.pdf", "main.tex", "paper.tex",
        "tables/results.tex",
    ]  # fmt: skip
    assert (folder / "command.txt").read_text() == "freerun paper s --venue icml\n"
    assert set(pd.read_csv(folder / "data/gap_over_lead.csv")["task"]) == {"Lorenz-63", NASTY.replace("_", " ")}


def test_its_latex_is_sound_whatever_the_names_are(folder):
    for name in ("paper.tex", "tables/results.tex"):
        text = (folder / name).read_text()
        assert sound(text), name
        assert not sound(text[::-1].replace("}", "", 1)[::-1])
    table = (folder / "tables/results.tex").read_text()
    for piece in (r"\toprule", r"\bottomrule", r"\caption{", r"\label{tab:my-study-1-results}"):
        assert piece in table
    paper = (folder / "paper.tex").read_text()
    assert re.findall(r"\\label\{(.*?)\}", paper) == ["fig:my-study-1-gap-over-lead"]
    assert not sound(paper + "100 %")


@pytest.mark.slow
def test_two_times_the_bytes_are_the_same(folder, material, tmp_path):
    asked = Asked(figures=("gap_over_lead",), command="freerun paper s --venue icml")
    list(paper_folder.write("my study_1", material, asked, tmp_path))
    for name in ("figures/gap_over_lead.pdf", "tables/results.tex", "data/results.csv", "main.tex"):
        assert (tmp_path / name).read_bytes() == (folder / name).read_bytes()


def test_each_row_is_compared_with_its_own_baseline_whether_that_is_a_row_or_not(material):
    """Of two learning rates each has its own; a choice of rows changes no number of those that stay."""
    whole = paper_table.tidy(material)
    (_, table), *more = paper_folder._tables(material, Asked(rows=("free_running (lr=0.01)", "free running (lr=0.003)")))
    assert not more
    assert set(table["method"]) == {"free running (lr=0.01)", "free running (lr=0.003)"}
    against = table.dropna(subset=["baseline"]).set_index("method")["baseline"].to_dict()
    assert against == {f"free running (lr={rate})": f"teacher forcing (lr={rate})" for rate in ("0.01", "0.003")}
    same = whole.merge(table[["task", "model", "method", "level"]]).reset_index(drop=True)
    pd.testing.assert_frame_equal(same, table)
    assert " & Against & " in "".join(paper_folder._table_floats("s", "results", table, material))


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"rows": ("free_runing",)}, "--rows 'free_runing': no method or model of the table is called so; "),
        ({"metrics": ("rms",)}, "--metrics 'rms': no table of these runs has it; did you mean 'rmse'"),
        ({"figures": ("gap_over_leed",)}, "figure 'gap_over_leed': these runs have none; did you mean 'gap_over_lead'"),
    ],
)
def test_what_is_not_there_is_refused_before_anything_is_written(material, tmp_path, asked, said):
    with pytest.raises(ConfigError, match=said):
        list(paper_folder.write("s", material, Asked(**asked), tmp_path / "p"))
    assert not (tmp_path / "p").exists()


def test_a_long_table_is_set_in_parts_that_fit_a_page():
    rows = [(f"t{t}", f"m{m}", f"r{r}") for t in range(4) for m in range(30) for r in range(1 + t)]
    table = pd.DataFrame(rows, columns=["task", "model", "method"])
    pages = list(paper_folder._pages(table))
    assert all(len(page) + page["task"].nunique() <= paper_folder._ROWS for page in pages)
    pd.testing.assert_frame_equal(pd.concat(pages, ignore_index=True), table)


def chosen(out):
    """The options of a command on a kept study whose records are not there, with what it is asked for."""
    words = ["--results", str(KEPT), "--select", "regime=free_running", "--labels", "free running=BPTT", "--out", str(out)]
    return ["exact_expert", "gap_over_lead", *words]


def times():
    return {path: path.stat().st_mtime_ns for path in (KEPT / "exact_expert").rglob("*")}


def test_figures_of_a_kept_study_are_drawn_from_its_tables_with_captions_beside_them(tmp_path, capsys):
    before = times()
    assert dispatch(["figures", *chosen(tmp_path / "p"), "--format", "pdf", "--style", "icml"]) == 0
    assert sorted(path.name for path in (tmp_path / "p").iterdir()) == ["gap_over_lead.pdf", "gap_over_lead.txt"]
    assert (tmp_path / "p/gap_over_lead.txt").read_text().startswith("Gap on test sequences")
    assert f"figure: {tmp_path / 'p'}/gap_over_lead.pdf" in capsys.readouterr().out
    assert times() == before, "the folder of the study stays as it is"


@pytest.mark.slow
def test_a_paper_is_made_of_a_kept_study(tmp_path):
    before = times()
    assert dispatch(["paper", *chosen(tmp_path / "p"), "--venue", "neurips", "--rows", "BPTT"]) == 0
    assert "--labels 'free running=BPTT'" in (tmp_path / "p/command.txt").read_text()
    assert "BPTT" in (tmp_path / "p/tables/results.tex").read_text()
    assert times() == before


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="LaTeX is not installed; the strict reader holds the files")
def test_it_compiles(folder, tmp_path):
    shutil.copytree(folder, tmp_path / "p")
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "-no-shell-escape", "main.tex"]
    done = subprocess.run(command, cwd=tmp_path / "p", capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stdout[-2000:]
    assert "Overfull \\hbox" not in done.stdout
