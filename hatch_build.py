"""Build hook: puts the compiled engine into the wheel where a C compiler is found, and nothing where there is none.

The libraries need no Python: such a wheel is for one platform and every version of Python.
"""

from __future__ import annotations

import importlib.util
import sysconfig
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

FOLDER = Path("src/freerun/engine/compiled")


class CompiledEngine(BuildHookInterface):
    """Compiles the engine beside its source for an editable install, else into the wheel."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Compile, and name the platform that the wheel is then for."""
        spec = importlib.util.spec_from_file_location("freerun_compiled_build", Path(self.root) / FOLDER / "build.py")
        builder = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(builder)
        if version == "editable":
            made = builder.build(Path(self.root) / FOLDER)
        else:
            made = builder.build(Path(tempfile.mkdtemp(prefix="freerun-build-")))
            build_data["force_include"].update({str(path): f"freerun/engine/compiled/{path.name}" for path in made})
        if made and version != "editable":
            build_data["pure_python"] = False
            build_data["tag"] = f"py3-none-{sysconfig.get_platform().replace('-', '_').replace('.', '_')}"
        if not made:
            self.app.display_warning("no C compiler builds the compiled engine here: the reference engine will be used")
