"""A regime and a model of one's own, held to the laws of their kinds, then compared with what there is."""

import subprocess
import sys
from pathlib import Path

from freerun import Study

FOLDER = Path(__file__).parent / "own_parts"
for part in ("every_other.py", "bilinear.py"):
    subprocess.run([sys.executable, "-m", "freerun", "check", FOLDER / part], check=True)
study = Study(FOLDER / "study.yaml", name="own_parts").train()
print(study.summary())
print(study.compare("every_other", "teacher_forcing"))
