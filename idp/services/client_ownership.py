"""Whose a sector and a name are: the first reviewed owner's, for good (pairwise subjects; threats A21).

An owner answers for its apps: the operator, a registrar, or an app that registered itself and stands alone. Apps of
one owner may share a sector, and so know people by the same `sub`, or bear names alike. The first review reserves
both by one insert; nothing frees them again, so that nobody inherits the pseudonyms of an app that is gone.
"""

from collections.abc import Iterator
from urllib.parse import urlsplit

from idp.domain.client import OPERATOR, Client, ClientState
from idp.domain.client_name import skeletons
from idp.domain.errors import Refused
from idp.domain.ports import Transaction
from idp.domain.redirect_uri import is_loopback_host
from idp.domain.sector import own_sector
from idp.services.threshold_scheme import check_scheme

OUR_NAME = "blindage"
"""An app that calls itself this would be taken for the provider; only the operator's may."""


_SECTOR = "owner of sector "
_NAME = "owner of name "


def claim_ownership(tx: Transaction, client: Client) -> None:
    """Reserve a reviewed client's sector and name for its owner; Refused when they are another's.

    Refused too when the thresholds of all apps of the sector together are no scheme that one app may have: they know
    a person by one `sub`, so what each of them may test adds up (threats C06). The operator's own are the operator's
    to answer for.
    """
    if client.owner is None:
        raise ValueError("a reviewed client has an owner")
    for name in _reservations(client):
        # One insert decides: of two reviews at the same moment the second waits for the first, and loses.
        if not tx.keys.claim_meta(name, client.owner) and tx.keys.meta(name) != client.owner:
            raise _others(name)
    if client.owner != OPERATOR and client.sector != own_sector(client.id):
        others = (c for c in tx.clients.of_sector(client.sector) if c.id != client.id and c.state is ClientState.ACTIVE)
        check_scheme({age for app in (client, *others) for age in app.thresholds})


def check_ownership(tx: Transaction, client: Client) -> None:
    """Refused when a client that waits for its review asks for a sector or name that is another owner's."""
    for name in _reservations(client):
        holder = tx.keys.meta(name)
        if holder is not None and holder != client.owner:
            raise _others(name)


def _reservations(client: Client) -> Iterator[str]:
    # A loopback host is nobody's: every app on the machine may answer there.
    if client.sector != own_sector(client.id) and not is_loopback_host(client.sector):
        yield f"{_SECTOR}{client.sector}"
    if client.name in {urlsplit(uri).hostname for uri in client.redirect_uris}:
        # An app without a name goes by its host, which nobody can imitate who does not have it.
        return
    looks = sorted(skeletons(client.name))
    if client.owner != OPERATOR and any(OUR_NAME in look for look in looks):
        raise Refused("invalid_client_metadata", "the name is the provider's own")
    for look in looks:
        yield f"{_NAME}{look}"


def _others(reservation: str) -> Refused:
    if reservation.startswith(_SECTOR):
        return Refused("invalid_client_metadata", "the sector belongs to another owner's app")
    return Refused("invalid_client_metadata", "the name looks like that of another owner's app")
