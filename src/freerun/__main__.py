"""Entry point of ``python -m freerun``: the command line."""

from freerun.cli.main import main

main()
