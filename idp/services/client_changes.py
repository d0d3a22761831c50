"""An app changes or removes its own registration, proven by its registration access token (RFC 7592)."""

import hmac
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlsplit

from idp.domain.audit_event import AuditEvent, AuditKind
from idp.domain.client import Client, ClientState
from idp.domain.errors import Refused
from idp.domain.identifiers import new_id
from idp.domain.ports import Fetcher, Transaction
from idp.services.client_ownership import check_ownership
from idp.services.client_review import check_sector_document
from idp.services.clients import check_metadata, needs_secret, new_secret, secret_digest, settled_sector
from idp.services.realm import Realm
from idp.services.threshold_scheme import check_change

_NOBODY = secret_digest("no registration has this token")

REVIEWED = (
    "name", "redirect_hosts", "sector_identifier_uri", "post_logout_redirect_uris", "client_uri", "logo_uri",
    "policy_uri", "tos_uri", "category", "threshold_set", "declaration",
)  # fmt: skip
"""What a review was about: when one of these or the sector changes, or scopes or grants are added, it is done again."""

CONSENTED = ("name", "redirect_hosts", "sector", "category", "threshold_set", "declaration")
"""What people agreed to: when one of these changes, they are asked again."""


@dataclass(frozen=True, slots=True)
class Changed:
    """A client as it is stored now, and its secret where the change made it need a new one."""

    client: Client
    secret: str | None


def proven_client(tx: Transaction, client_id: str, token: str) -> Client | None:
    """The client whose registration access token this is; None for any other, after the same work."""
    client = tx.clients.current(client_id)
    expected = (client.registration_token_hash if client is not None else None) or _NOBODY
    return client if hmac.compare_digest(secret_digest(token), expected) else None


def change_client(
    realm: Realm, fetcher: Fetcher, client_id: str, token: str, metadata: Mapping[str, Any], secret: str | None
) -> Changed:
    """Put metadata (attributes of `Client`) in the place of the client's (RFC 7592, section 2.2).

    `secret` is the client secret as the client sent it, if it did: it must be the current one. Refused:
    `unknown_client` (the token proves nothing, or no longer), `suspended`, `changed` (by another request meanwhile),
    and what `check_metadata` refuses.
    """
    seen = _changeable(realm.store.read(lambda tx: proven_client(tx, client_id, token)))
    if secret is not None and not hmac.compare_digest(secret_digest(secret), seen.secret_hash or _NOBODY):
        raise Refused("invalid_client_metadata", "client_secret is not the current one")
    now = realm.clock.now()
    draft = replace(seen, **metadata)
    check_metadata(realm, draft)
    check_change(seen, draft.thresholds, now)
    fresh = new_secret() if needs_secret(draft) and seen.secret_hash is None else None
    changed = _settled(seen, draft, fresh, now)
    if seen.reviewed_at is not None:
        # What has never been reviewed is not fetched either; the review will do it.
        check_sector_document(fetcher, changed)
    event = AuditEvent(new_id(now), now, AuditKind.CLIENT_CHANGED, None, client_id, client_id)

    def unit(tx: Transaction) -> Changed:
        current = _changeable(proven_client(tx, client_id, token))
        check_ownership(tx, changed)
        if current.version != seen.version or not tx.clients.replace(changed, seen.version):
            raise Refused("changed", "the registration changed meanwhile")
        if changed.sector != seen.sector:
            # Old grants speak of people by their old pseudonyms: together with new ones they would join the two.
            tx.grants.revoke_of_client(client_id, now)
        tx.audit.append(event)
        return Changed(replace(changed, version=seen.version + 1), fresh)

    return realm.store.write(unit, client_id.encode())


def delete_client(realm: Realm, client_id: str, token: str) -> None:
    """Remove a client and everything it may still do for people (RFC 7592, section 2.3). Refused as above."""
    now = realm.clock.now()
    event = AuditEvent(new_id(now), now, AuditKind.CLIENT_DELETED, None, client_id, client_id)

    def unit(tx: Transaction) -> None:
        _changeable(proven_client(tx, client_id, token))
        tx.grants.revoke_of_client(client_id, now)
        if not tx.clients.delete(client_id):
            raise _unknown()
        tx.audit.append(event)

    realm.store.write(unit, client_id.encode())


def _settled(seen: Client, draft: Client, fresh: str | None, now: int) -> Client:
    """The client as it will be: what follows from its new metadata, in secret, sector, state and manifest version."""
    secret_hash = secret_digest(fresh) if fresh is not None else seen.secret_hash
    changed = replace(
        draft,
        secret_hash=secret_hash if needs_secret(draft) else None,
        sector=settled_sector(draft, checked=seen.reviewed_at is not None),
        manifest=replace(draft.manifest, version=seen.manifest.version),
    )
    if _differ(seen, changed, CONSENTED):
        changed = replace(changed, manifest=replace(changed.manifest, version=seen.manifest.version + 1))
    more = not (changed.scope <= seen.scope and changed.grant_types <= seen.grant_types)
    if more or changed.sector != seen.sector or _differ(seen, changed, REVIEWED):
        changed = replace(changed, state=ClientState.PENDING)
    if seen.reviewed_at is not None and set(changed.thresholds) != set(seen.thresholds):
        changed = replace(changed, thresholds_changed_at=now)
    return changed


def _differ(one: Client, other: Client, aspects: tuple[str, ...]) -> bool:
    return any(_aspect(one, aspect) != _aspect(other, aspect) for aspect in aspects)


def _aspect(client: Client, aspect: str) -> object:
    if aspect == "redirect_hosts":
        # Another path of the same app is no other app.
        return frozenset(_place(uri) for uri in client.redirect_uris)
    if aspect == "threshold_set":
        return frozenset(client.thresholds)
    if aspect == "declaration":
        return replace(client.manifest, version=0)
    return getattr(client, aspect)


def _place(uri: str) -> str:
    parts = urlsplit(uri)
    return f"{parts.scheme}://{parts.netloc}" if parts.scheme in ("http", "https") else uri


def _changeable(client: Client | None) -> Client:
    if client is None:
        raise _unknown()
    if not client.usable:
        raise Refused("suspended", "the client is suspended")
    return client


def _unknown() -> Refused:
    return Refused("unknown_client", "no such client, or the token is not its own")
