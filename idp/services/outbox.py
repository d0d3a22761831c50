"""Messages to apps: written in the transaction of what they tell, delivered afterwards (`protocol/delivery`).

Sign-out of one session reaches its apps at once, because a person who leaves a shared computer counts on it. Events
that several apps are told leave on the common minute (`domain/app_message.next_tick`), those to one app at once.
"""

import secrets
from collections.abc import Iterable, Sequence

import orjson

from crypto.encoding import b64url_encode
from crypto.pairwise import pairwise_subject
from idp.domain.account import Account
from idp.domain.app_message import AppMessage, Initiator, MessageKind, WaitingMessage, next_tick
from idp.domain.client import Client
from idp.domain.grant import Grant
from idp.domain.ports import Transaction
from idp.domain.session import Session
from idp.services.realm import Realm

ID_BYTES = 16


def tell_session_ended(tx: Transaction, session: Session, now: int, initiator: Initiator = Initiator.USER) -> None:
    """Tell every app of a session that it has ended (Back-Channel Logout, section 2.3; CAEP session-revoked).

    Call it in the unit that revoked the session. Apps are those that were given tokens in it, offline ones too.
    """
    told = _apps_of(tx, tx.grants.of_session(session.id))
    _tell_logout(tx, told, now, now, initiator)
    _tell_event(tx, MessageKind.SESSION_REVOKED, told, now, initiator)


def tell_consent_withdrawn(
    realm: Realm, tx: Transaction, account_id: bytes, client_id: str, now: int, initiator: Initiator = Initiator.USER
) -> None:
    """Tell one app that a person took back what it was allowed. Call it in the unit that withdrew the consent."""
    account, client = tx.accounts.get(account_id), tx.clients.get(client_id)
    if account is None or client is None:
        return
    subject = _subject(realm, account, client, tx.grants.of_account(account_id))
    _tell_event(tx, MessageKind.CONSENT_WITHDRAWN, [(client, subject, None)], now, initiator)


def tell_account_deleted(
    realm: Realm, tx: Transaction, account: Account, now: int, initiator: Initiator
) -> int:
    """Tell every app that knows a person that the account is gone (RISC account-purged); how many are told.

    Call it before the account is deleted: afterwards nobody knows who has to be told. Apps without an event
    endpoint are told to sign the person out, on the same minute as the others.
    """
    grants = tx.grants.of_account(account.id)
    known = {grant.client_id for grant in grants} | {c.client_id for c in tx.consents.of_account(account.id)}
    clients = [client for client in map(tx.clients.get, sorted(known)) if client is not None]
    living = [grant for grant in grants if grant.revoked_at is None and now < grant.expires_at]
    logouts = _apps_of(tx, living)
    people = [(client, _subject(realm, account, client, grants), None) for client in clients]
    due_at = next_tick(now)
    told = _tell_logout(tx, logouts, now, due_at, initiator)
    told |= _tell_event(tx, MessageKind.ACCOUNT_DELETED, people, now, initiator, due_at)
    return len(told)


def open_message(message_id: bytes, kind: str, client_id: str, payload: bytes) -> AppMessage:
    """The message of an outbox row."""
    subject, sid, jti, at, initiator, *_ = orjson.loads(payload)
    return AppMessage(message_id, MessageKind(kind), client_id, subject, sid, jti, at, Initiator(initiator))


def waiting_messages(realm: Realm, client_id: str) -> Sequence[WaitingMessage]:
    """Messages to one app that are not delivered yet, or were given up in the last thirty days."""
    rows = realm.store.read(lambda tx: tx.outbox.of_client(client_id))
    return [WaitingMessage(MessageKind(kind), tries, due_at) for kind, tries, due_at in rows]


App = tuple[Client, str, str | None]
"""Whom to tell: the client, the person's `sub` there, the `sid` (None: every session of that person)."""


def _apps_of(tx: Transaction, grants: Iterable[Grant]) -> list[App]:
    """Each app and session once; a grant that was emptied with its account names nobody."""
    named = {(grant.client_id, grant.sid): grant.subject for grant in grants if grant.subject}
    clients = {client_id: tx.clients.get(client_id) for client_id, _ in named}
    return [
        (client, subject, sid)
        for (client_id, sid), subject in named.items()
        if (client := clients[client_id]) is not None
    ]


def _tell_logout(tx: Transaction, apps: Sequence[App], now: int, due_at: int, initiator: Initiator) -> set[str]:
    told = [app for app in apps if app[0].backchannel_logout_uri is not None]
    for app in told:
        _put(tx, MessageKind.LOGOUT, app, now, due_at, initiator)
    return {client.id for client, _, _ in told}


def _tell_event(
    tx: Transaction, kind: MessageKind, apps: Sequence[App], now: int, initiator: Initiator, due_at: int | None = None
) -> set[str]:
    told = [app for app in apps if app[0].security_event_endpoint is not None]
    if due_at is None:
        due_at = next_tick(now) if len({client.id for client, _, _ in told}) > 1 else now
    for app in told:
        _put(tx, kind, app, now, due_at, initiator)
    return {client.id for client, _, _ in told}


def _put(tx: Transaction, kind: MessageKind, app: App, now: int, due_at: int, initiator: Initiator) -> None:
    client, subject, sid = app
    jti = b64url_encode(secrets.token_bytes(ID_BYTES))
    payload = orjson.dumps((subject, sid, jti, now, initiator))
    tx.outbox.put(secrets.token_bytes(ID_BYTES), kind, client.id, payload, due_at)


def _subject(realm: Realm, account: Account, client: Client, grants: Iterable[Grant]) -> str:
    """The `sub` this app was given; where no grant is left that tells it, the one it would be given."""
    given = [grant.subject for grant in grants if grant.client_id == client.id and grant.subject]
    if given:
        return given[-1]
    return pairwise_subject(realm.keys.pairwise, realm.issuer, client.sector, account.salt)
