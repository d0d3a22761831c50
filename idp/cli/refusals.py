"""What ends a command with one line and status 1 instead of a stack trace."""

import click

from crypto.errors import CryptoError
from idp.domain.errors import DomainError
from idp.storage.sql.errors import StorageError

REFUSALS = (DomainError, StorageError, CryptoError, OSError)
"""Settings, keys, databases and requests that cannot be taken; anything else is a defect and shows its trace."""


def say_refused(error: BaseException) -> None:
    """The one line, on stderr."""
    click.echo(f"refused: {error}", err=True)
