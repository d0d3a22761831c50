"""What stops a start: wrong settings, an unsafe database, a schema of another version."""


class StorageError(Exception):
    """The store cannot be opened like this; the text says what to do. It never quotes a database address."""
