"""A server that takes a database at its word that does not wait for its disk, for one test (threats F04, G03)."""

from idp.cli import main
from idp.storage.sql import engine_postgresql

if __name__ == "__main__":
    # Otherwise it does not start.
    engine_postgresql._DURABLE = ()
    main()
