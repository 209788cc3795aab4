"""``python -m freerun``: the command line."""

from freerun.cli import main

main()
