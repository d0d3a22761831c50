"""What commands print: JSON for scripts on stdout, words for people on stderr, tables with rich."""

import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import click
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from idp.composition import compose
from idp.protocol.provider import Provider
from idp.settings import Settings, read_settings

DEFAULT_ISSUER = "http://127.0.0.1:9000"

_FRAME = 3
"""What a column is wider than its text."""

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
    """A result: JSON where asked, else a table; nothing is shown as a dash, and nothing is cut off.

    Where the names do not stand beside each other, each row is a table of its own, name by name.
    """
    if as_json:
        click.echo(json.dumps(result))
        return
    rows = result if isinstance(result, list) else [result]
    names = list(rows[0]) if rows else ["nothing"]
    texts = [[_text(value) for value in row.values()] for row in rows]
    console = Console()
    if sum(len(name) + _FRAME for name in names) < console.width:
        console.print(_table(names, texts))
        return
    for row in texts:
        console.print(_table(None, list(zip(names, row, strict=True))))


def _text(value: Any) -> str:
    if value is None or value == []:
        return "-"
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def _table(names: list[str] | None, rows: Sequence[Sequence[str]]) -> Table:
    table = Table(show_header=names is not None)
    for name in names or ("", ""):
        table.add_column(name, overflow="fold")
    for row in rows:
        table.add_row(*map(escape, row))
    return table
