"""The wallet as a client of the account issuer: one public app that may fetch age tokens and nothing else."""

from dataclasses import replace

from idp.domain.age_token import WALLET_CLIENT_ID
from idp.domain.audit_event import AuditEvent, AuditKind
from idp.domain.client import Client, ClientState
from idp.domain.identifiers import new_id
from idp.domain.offer import AUTHORIZATION_CODE
from idp.domain.ports import Transaction
from idp.domain.scope import AGE_TOKENS
from idp.domain.sector import sector_of
from idp.services.realm import Realm

NAME = "Age wallet"


def ensure_wallet_client(realm: Realm, door_issuer: str) -> Client:
    """See to it that the wallet of this door is registered, as the operator says by naming the door.

    Scope `age_tokens` alone, never `openid`: it gets no pseudonym, and no token of it says who somebody is.
    """
    now = realm.clock.now()
    wanted = _wallet(door_issuer, now)
    found = realm.store.read(lambda tx: tx.clients.get(WALLET_CLIENT_ID))
    if found is not None and _same(found, wanted):
        return found

    def unit(tx: Transaction) -> Client:
        current = tx.clients.current(WALLET_CLIENT_ID)
        kind = AuditKind.CLIENT_REGISTERED if current is None else AuditKind.CLIENT_CHANGED
        if current is None:
            tx.clients.add(wanted)
        elif not _same(current, wanted):
            tx.clients.replace(replace(wanted, created_at=current.created_at, state=current.state), current.version)
        else:
            return current
        tx.audit.append(AuditEvent(new_id(now), now, kind, None, WALLET_CLIENT_ID, WALLET_CLIENT_ID))
        return wanted

    return realm.store.write(unit, WALLET_CLIENT_ID.encode())


def _wallet(door_issuer: str, now: int) -> Client:
    redirect_uri = f"{door_issuer}/wallet"
    return Client(
        id=WALLET_CLIENT_ID,
        name=NAME,
        state=ClientState.ACTIVE,
        created_at=now,
        redirect_uris=(redirect_uri,),
        sector=sector_of(WALLET_CLIENT_ID, (redirect_uri,), None),
        token_endpoint_auth_method="none",
        scope=frozenset({AGE_TOKENS}),
        grant_types=frozenset({AUTHORIZATION_CODE}),
        reviewed_at=now,
    )


def _same(found: Client, wanted: Client) -> bool:
    return replace(
        found, version=wanted.version, created_at=wanted.created_at, reviewed_at=wanted.reviewed_at
    ) == replace(wanted, state=found.state)
