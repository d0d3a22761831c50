"""The command line `blindage`: 0 done, 1 refused, 2 wrong usage; JSON on stdout, words on stderr."""

from idp.cli.root import main

__all__ = ["main"]
