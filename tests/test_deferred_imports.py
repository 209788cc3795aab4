"""Modules that only describe parts do not load torch when they are imported: `freerun list` answers at once."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import freerun

PACKAGE = Path(freerun.__file__).parent
LAZY = "from freerun.deferred_imports import torch"


def uses(node: ast.AST) -> Iterator[int]:
    """The lines on which an import evaluates something of torch: not in bodies of functions, nor in annotations."""
    match node:
        case ast.Lambda():
            return
        case ast.If(test=ast.Name(id="TYPE_CHECKING")):
            return
        case ast.FunctionDef() | ast.AsyncFunctionDef():
            parts = [*node.decorator_list, *node.args.defaults, *(part for part in node.args.kw_defaults if part)]
        case ast.AnnAssign():
            parts = [node.value] if node.value else []
        case ast.Attribute(value=ast.Name(id="torch")):
            yield node.lineno
            return
        case _:
            parts = list(ast.iter_child_nodes(node))
    for part in parts:
        yield from uses(part)


def test_no_module_that_describes_uses_torch_when_it_is_imported():
    texts = {path: path.read_text() for path in PACKAGE.rglob("*.py")}
    lazy = {path: text for path, text in texts.items() if LAZY in text and path.name != "deferred_imports.py"}
    assert len(lazy) > 50
    assert {f"{path.relative_to(PACKAGE)}:{line}" for path, text in lazy.items() for line in uses(ast.parse(text))} == set()


def test_an_alias_a_default_and_a_class_attribute_are_seen():
    code = f"{LAZY}\nPair = tuple[torch.Tensor, torch.Tensor]\ndef f(x: torch.Tensor = torch.zeros(1)): ...\n"
    code += "class C:\n    x: torch.Tensor\n    y = torch.ones(1)\n    def g(self): return torch.ones(1)\n"
    assert sorted(set(uses(ast.parse(code)))) == [2, 3, 6]
