"""Review of an app: the operator's yes, after which everybody may sign in to it (blindage client review)."""

from dataclasses import replace

from crypto.errors import EncodingError
from crypto.strict_json import parse_json_strict
from idp.domain.audit_event import AuditEvent, AuditKind, done_by
from idp.domain.client import Client, ClientState
from idp.domain.errors import FetchRefused, Refused
from idp.domain.identifiers import new_id
from idp.domain.ports import Fetcher, Transaction
from idp.domain.sector import sector_addresses
from idp.services.client_ownership import claim_ownership
from idp.services.clients import check_metadata, settled_sector
from idp.services.realm import Realm


def review_client(
    realm: Realm,
    fetcher: Fetcher,
    client_id: str,
    owner: str | None = None,
    version: int | None = None,
    by: bytes | None = None,
) -> Client:
    """Make a client active, for `owner` or whom it belongs to already; an app that stands alone owns itself.

    What an open registration names is fetched here for the first time. With `version`, Refused (`changed`) unless
    it is the one that was looked at. `by` is the member of staff who reviews, for the trail. Refused besides:
    `unknown_client`, `invalid_client_metadata`.
    """
    seen = realm.store.read(lambda tx: tx.clients.current(client_id))
    if seen is None:
        raise Refused("unknown_client", "no such client")
    if version is not None and version != seen.version:
        raise Refused("changed", f"the client has changed since: it is version {seen.version} now")
    # The policy may have become stricter, or this program, since the client was registered.
    check_metadata(realm, seen)
    check_sector_document(fetcher, seen)
    now = realm.clock.now()
    reviewed = replace(
        seen,
        state=ClientState.ACTIVE,
        owner=owner or seen.owner or seen.id,
        reviewed_at=now,
        sector=settled_sector(seen, checked=True),
    )
    details = (("state", reviewed.state.value), *done_by(by))
    event = AuditEvent(new_id(now), now, AuditKind.CLIENT_REVIEWED, None, client_id, client_id, details)

    def unit(tx: Transaction) -> Client:
        claim_ownership(tx, reviewed)
        if not tx.clients.replace(reviewed, seen.version):
            raise Refused("changed", "the client changed meanwhile: look at it again")
        tx.audit.append(event)
        return replace(reviewed, version=seen.version + 1)

    return realm.store.write(unit, client_id.encode())


def check_sector_document(fetcher: Fetcher, client: Client) -> None:
    """Fetch a client's `sector_identifier_uri`, if it has one; Refused unless it lists every redirect URI.

    OIDC Registration, section 5: a JSON array of strings, in which each redirect URI stands exactly as registered; and
    the `jwks_uri` where that shows whose the client is (`sector_addresses`).
    """
    if client.sector_identifier_uri is None:
        return
    try:
        listed = parse_json_strict(fetcher.get(client.sector_identifier_uri))
    except FetchRefused as error:
        raise _bad_document(f"sector_identifier_uri could not be fetched ({error.reason})") from error
    except EncodingError as error:
        raise _bad_document("sector_identifier_uri does not lead to JSON") from error
    if not isinstance(listed, list) or not all(isinstance(uri, str) for uri in listed):
        raise _bad_document("sector_identifier_uri does not lead to an array of redirect URIs")
    if not set(client.redirect_uris) <= set(listed):
        raise _bad_document("sector_identifier_uri does not list every redirect URI")
    if not set(sector_addresses(client)) <= set(listed):
        raise _bad_document("sector_identifier_uri does not list the jwks_uri")


def _bad_document(text: str) -> Refused:
    return Refused("invalid_client_metadata", text)
