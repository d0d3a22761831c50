"""What commands print: JSON for scripts on stdout, words for people on stderr, tables with rich."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from idp.composition import compose
from idp.protocol.provider import Provider
from idp.settings import Settings, read_settings

DEFAULT_ISSUER = "http://127.0.0.1:9000"

as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON on stdout.")


def settings_here() -> Settings:
    """The settings of the environment, as a server at the usual address reads them."""
    return read_settings(os.environ, DEFAULT_ISSUER)


@contextmanager
def opened_provider() -> Iterator[Provider]:
    """The provider of the environment's settings, beside a running server or without one."""
    provider = compose(settings_here(), exclusive=False)
    try:
        yield provider
    finally:
        provider.realm.store.close()


def say(words: str) -> None:
    """A line for people."""
    click.echo(words, err=True)


def show(result: dict[str, Any] | list[dict[str, Any]], as_json: bool) -> None:
    """A result: JSON where asked, else a table; None is shown as a dash."""
    if as_json:
        click.echo(json.dumps(result))
        return
    rows = result if isinstance(result, list) else [result]
    table = Table(*(rows[0].keys() if rows else ["nothing"]))
    for row in rows:
        table.add_row(*("-" if value is None else str(value) for value in row.values()))
    Console().print(table)
