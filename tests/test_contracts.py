"""Contracts of imports: each is broken by a wrong import that is planted, and what `make lint` says names the place."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(importlib.util.find_spec("freerun").origin).parent
CIRCLES = "No circles, between rooms or inside of one"
#: By contract, where an import is planted, and which.
PLANTED = {
    "The rooms, from the roof to the ground": ("store/claims.py", "import freerun.config.presets"),
    CIRCLES: ("io/text.py", "import freerun.io.key_value"),
    "No torch where records are kept and read": ("io/links.py", "import torch"),
    "Tables and pictures in the analysis alone": ("engine/optimizer.py", "import pandas"),
    "Hydra has one host": ("parts/settings.py", "import hydra"),
    "Whoever asks Hydra's host does not ask Hydra": ("cli/keys.py", "import omegaconf"),
}


@pytest.mark.parametrize("contracts", [[CIRCLES], [name for name in PLANTED if name != CIRCLES]], ids=["circles", "others"])
def test_contracts_are_broken_by_wrong_imports(contracts, tmp_path):
    shutil.copytree(PACKAGE, tmp_path / "src/freerun", ignore=shutil.ignore_patterns("*.so", "__pycache__"))
    shutil.copy(PACKAGE.parents[1] / "pyproject.toml", tmp_path)
    for contract in contracts:
        name, line = PLANTED[contract]
        with open(tmp_path / "src/freerun" / name, "a", encoding="utf-8") as file:
            file.write(f"\n{line}\n")
    words = [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"]
    environment = {**os.environ, "PYTHONPATH": str(tmp_path / "src"), "NO_COLOR": "1", "COLUMNS": "200"}
    done = subprocess.run(words, cwd=tmp_path, env=environment, capture_output=True, text=True)
    said = " ".join(done.stdout.split())
    assert done.returncode == 1, done.stdout + done.stderr
    for contract in contracts:
        assert f"{contract} BROKEN" in said
        name, line = PLANTED[contract]
        importer, imported = f"freerun.{name.removesuffix('.py').replace('/', '.')}", line.split()[1]
        assert contract == CIRCLES or f"{importer} -> {imported} (l." in said, contract
    if contracts == [CIRCLES]:
        assert "1 broken" in said
        assert ".text -> .key_value" in said
