"""A client's metadata as one JSON document: everything but what has a column of its own."""

from dataclasses import asdict, fields
from typing import Any

import orjson

from idp.domain.client import Category, Client, Manifest

COLUMNS = frozenset({"id", "state", "sector", "version", "created_at", "secret_hash", "registration_token_hash"})
_DOCUMENT = tuple(field.name for field in fields(Client) if field.name not in COLUMNS)
_SETS = frozenset({"scope", "grant_types"})


def to_document(client: Client) -> bytes:
    """JSON of the metadata; sets in order, so that equal clients give equal bytes."""
    return orjson.dumps({name: _plain(getattr(client, name)) for name in _DOCUMENT})


def from_document(document: bytes) -> dict[str, Any]:
    """The arguments of `Client` that `to_document` wrote.

    Fields of another version of the program are passed over, and those it did not know get their defaults: two
    versions may share a database during an upgrade.
    """
    return {name: _rich(name, value) for name, value in orjson.loads(document).items() if name in _DOCUMENT}


def _plain(value: Any) -> Any:
    if isinstance(value, frozenset):
        return sorted(value)
    return asdict(value) if isinstance(value, Manifest) else value


def _rich(name: str, value: Any) -> Any:
    if name == "category":
        return Category(value)
    if name == "manifest":
        return Manifest(**value)
    if isinstance(value, list):
        return frozenset(value) if name in _SETS else tuple(value)
    return value
