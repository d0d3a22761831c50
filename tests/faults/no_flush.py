"""A server on SQLite that flushes at checkpoints only, for one test: a power cut would lose what it acknowledged."""

from idp.cli import main
from idp.storage.sql import engine_sqlite

if __name__ == "__main__":
    engine_sqlite._PRAGMAS["synchronous"] = ("NORMAL", 1)
    main()
