"""Hooks of the site: pages from outside of docs/, pages made from the code, and links that lead to them.

`mkdocs build` calls the functions named `on_...`. Links in a page are written as they are true in the repository; what they
lead to is brought into the site: pictures as they are, pages of Markdown as pages, code as a page that shows it.
"""

from __future__ import annotations

import json
import posixpath
import re
import sys
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

TOP = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(TOP / "docs")]

import reference  # noqa: E402

#: Pages of the site that are made from the code alone: their titles, and what they say first.
REFERENCE = {
    "names": ("Public names", "What `import freerun` gives, beside the parts."),
    "settings": ("Experiments", "What an experiment is made of, beside its parts. On the command line: `training.lr=0.01`."),
    "commands": ("Commands", "The help of every command."),
    "tasks": ("Tasks", "Worlds to predict."), "models": ("Models", "Learners."),
    "feedback": ("Feedback rules", "From an output to the next input."),
    "objectives": ("Objectives", "What is minimised."), "players": ("Reference players", "They need no training."),
}  # fmt: skip
#: Where pages from outside of docs/ stand in the site.
MOVED = {"README.md": "index.md", "CHANGELOG.md": "changelog.md", "CONTRIBUTING.md": "contributing.md"}
PICTURES = (".png", ".svg", ".webp")
#: What stands for a folder, the first that is there.
FRONTS = ("README.md", "report.md", "benchmark.md", "__init__.py")
LINK = re.compile(r"\]\(([^)\s#:]+)(#[^)\s]*)?\)")
MARK = re.compile(r"^<!-- generated: ([\w ]+) -->$", re.MULTILINE)
FENCE = re.compile(r"(^```.*?^```$)", re.DOTALL | re.MULTILINE)

#: The repository's file behind each page of the site.
_origins: dict[str, Path] = {}


def on_files(files: Files, config: Any) -> Files:
    """Add to the site what its pages lead to, and what is made from the code."""
    _origins.clear()
    pages = [page.src_uri for page in files.documentation_pages()]
    _origins.update({uri: TOP / "docs" / uri for uri in pages})
    for name in MOVED:
        _add(TOP / name, files, config)
    for notebook in sorted((TOP / "docs/notebooks").glob("*.ipynb")):
        _add(notebook, files, config)
    for uri in [*pages, *MOVED.values()]:
        _follow(_origins[uri], files, config)
    for name, (title, line) in REFERENCE.items():
        text = f"# {title}\n\n{line}\n\n<!-- generated: {name} -->\n"
        files.append(File.generated(config, f"reference/{name}.md", content=text))
    return files


def on_page_markdown(markdown: str, page: Page, config: Any, files: Files) -> str:
    """Fill in what is generated, and turn links within the repository into links within the site."""
    origin = _origins.get(page.file.src_uri)
    if origin is not None and origin.suffix == ".md":
        markdown = _outside_code(markdown, lambda text: LINK.sub(lambda link: _moved(link, origin, page.file.src_uri), text))
    return MARK.sub(lambda mark: reference.generated(mark[1]), markdown)


def target(link: str, origin: Path) -> Path | None:
    """Return the file of the repository that a link leads to, of a folder its front page; None for nothing that is there."""
    path = (origin.parent / link).resolve()
    if path.is_dir():
        path = next((path / name for name in FRONTS if (path / name).is_file()), path)
    return path if path.exists() and path.is_relative_to(TOP) else None


def uri(path: Path) -> str:
    """Return where a file of the repository, or what shows it, stands in the site."""
    name = path.relative_to(TOP).as_posix()
    if name in MOVED:
        return MOVED[name]
    if path.suffix in PICTURES:
        return name.removeprefix("docs/")
    if path.suffix == ".ipynb":
        return name.removeprefix("docs/") + ".md"
    if path.suffix == ".md":
        return name.removeprefix("docs/").replace("README.md", "index.md")
    return f"source/{name}.md"


def _moved(link: re.Match[str], origin: Path, page: str) -> str:
    path = target(link[1], origin)
    if path is None:  # left as it is, for mkdocs to complain of
        return link[0]
    return f"]({posixpath.relpath(uri(path), posixpath.dirname(page) or '.')}{link[2] or ''})"


def _outside_code(text: str, change: Any) -> str:
    return "".join(piece if piece.startswith("```") else change(piece) for piece in FENCE.split(text))


def _follow(origin: Path, files: Files, config: Any) -> None:
    for link in LINK.finditer(FENCE.sub("", origin.read_text(encoding="utf-8"))):
        if (path := target(link[1], origin)) is not None:
            _add(path, files, config)


def _add(path: Path, files: Files, config: Any) -> None:
    """Bring a file into the site, and what it leads to."""
    where = uri(path)
    if files.get_file_from_path(where) is not None or not path.exists():
        return
    if path.suffix in PICTURES:
        files.append(File.generated(config, where, abs_src_path=str(path)))
        return
    files.append(File.generated(config, where, content=_shown(path)))
    _origins[where] = path
    if path.suffix == ".md":
        _follow(path, files, config)


def _shown(path: Path) -> str:
    """A file as a page: Markdown as it is, a notebook cell by cell, a folder as a list, code as code."""
    name = path.relative_to(TOP).as_posix()
    if path.is_dir():
        return f"# {name}\n\n" + "\n".join(f"- {entry.name}" for entry in sorted(path.iterdir()) if entry.name[0] not in "._")
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".md":
        return text
    if path.suffix == ".ipynb":
        return "\n\n".join(_cell(cell) for cell in json.loads(text)["cells"])
    return f"# {path.name}\n\n`{name}`\n\n````{ {'.py': 'python', '.yaml': 'yaml'}.get(path.suffix, 'text') }\n{text}````\n"


def _cell(cell: dict[str, Any]) -> str:
    text = "".join(cell["source"])
    return text if cell["cell_type"] == "markdown" else f"```python\n{text}\n```"
