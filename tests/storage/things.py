"""Accounts, consents, grants and the like to put into a store. Every call makes another one."""

import secrets
from dataclasses import replace
from datetime import date

from idp.domain.account import Account, AccountState, AgeRecord
from idp.domain.age import AgeState, Assurance
from idp.domain.audit_event import AuditEvent, AuditKind
from idp.domain.client import Client, ClientState
from idp.domain.consent import Consent, Giver
from idp.domain.device_grant import Approved, DeviceGrant
from idp.domain.grant import Grant
from idp.domain.identifiers import new_id
from idp.domain.session import Session
from idp.domain.staff import StaffMember, StaffRole, StaffSession
from idp.storage.sql.store import SqlStore

NOW = 1_767_225_600
ADULT = AgeRecord(AgeState(18, None, None, (14, 16, 18)), Assurance.STANDARD)
CHILD = AgeRecord(AgeState(14, 16, date(2027, 3, 1), (14, 16, 18)), Assurance.ENHANCED)


def an_account(**changes: object) -> Account:
    """An adult's account."""
    account = Account(
        id=new_id(NOW),
        username="ada",
        username_index=secrets.token_bytes(32),
        password_hash="$argon2id$v=19$m=19456,t=2,p=1$c2FsdA$aGFzaA",
        salt=secrets.token_bytes(32),
        state=AccountState.ACTIVE,
        created_at=NOW,
        age=ADULT,
    )
    return replace(account, **changes)


def a_client(**changes: object) -> Client:
    """A confidential client."""
    client = Client(
        id="app-" + secrets.token_hex(8),
        name="An app",
        state=ClientState.ACTIVE,
        created_at=NOW,
        redirect_uris=("https://app.example/cb",),
        sector="app.example",
        secret_hash=secrets.token_bytes(32),
    )
    return replace(client, **changes)


def a_session(account: Account, **changes: object) -> Session:
    """A session that began just now."""
    session = Session(
        id=secrets.token_bytes(32),
        account_id=account.id,
        auth_time=NOW,
        created_at=NOW,
        expires_at=NOW + 3600,
        amr=("pwd",),
        sid_seed=secrets.token_bytes(16),
    )
    return replace(session, **changes)


def a_consent(account: Account, client_id: str = "app", **changes: object) -> Consent:
    """A person's consent to their age band."""
    consent = Consent(
        id=new_id(NOW),
        account_id=account.id,
        client_id=client_id,
        scope=frozenset({"openid", "age"}),
        claims=frozenset({"age_band"}),
        manifest_version=1,
        giver=Giver.SELF,
        created_at=NOW,
    )
    return replace(consent, **changes)


def a_grant(consent: Consent, **changes: object) -> Grant:
    """An offline grant under a consent."""
    grant = Grant(
        id=new_id(NOW),
        account_id=consent.account_id,
        client_id=consent.client_id,
        session_id=None,
        consent_id=consent.id,
        subject=secrets.token_urlsafe(32),
        scope=frozenset({"openid", "age"}),
        claims_request="",
        auth_time=NOW,
        shown_auth_time=None,
        sid=None,
        acr="standard",
        offline=True,
        jkt=None,
        resource=(),
        created_at=NOW,
        expires_at=NOW + 86_400,
    )
    return replace(grant, **changes)


def a_device_grant(client_id: str = "app", **changes: object) -> DeviceGrant:
    """A device that waits for somebody's answer."""
    grant = DeviceGrant(
        id=new_id(NOW),
        device_code=secrets.token_bytes(32),
        user_code=secrets.token_bytes(32),
        client_id=client_id,
        parameters={"scope": "openid age"},
        network=secrets.token_bytes(16),
        created_at=NOW,
        expires_at=NOW + 600,
    )
    return replace(grant, **changes)


def an_approval(account: Account, **changes: object) -> Approved:
    """A person's yes to a device."""
    approved = Approved(
        account_id=account.id,
        subject=secrets.token_urlsafe(32),
        scope=frozenset({"openid", "age"}),
        claims_request="",
        auth_time=NOW,
        shown_auth_time=None,
        acr=None,
        nonce=None,
        resource=None,
    )
    return replace(approved, **changes)


def a_staff_member(**changes: object) -> StaffMember:
    """A reviewer who has not set up a second factor yet."""
    member = StaffMember(
        id=new_id(NOW),
        name="grace the reviewer",
        name_index=secrets.token_bytes(32),
        password_hash="$argon2id$v=19$m=19456,t=2,p=1$c2FsdA$aGFzaA",
        roles=frozenset({StaffRole.REVIEWER}),
        created_at=NOW,
        enrol_until=NOW + 3600,
    )
    return replace(member, **changes)


def a_staff_session(member: StaffMember, **changes: object) -> StaffSession:
    """A half session that began just now."""
    session = StaffSession(secrets.token_bytes(32), member.id, None, NOW, NOW, NOW + 300)
    return replace(session, **changes)


def an_event(account_id: bytes | None = None, **changes: object) -> AuditEvent:
    """An audit event, of an account or of none."""
    event = AuditEvent(
        new_id(NOW), NOW, AuditKind.CONSENT_GIVEN, account_id, "app", "subject", (("giver", "self"),)
    )
    return replace(event, **changes)


def consenting(store: SqlStore, **changes: object) -> tuple[Account, Consent]:
    """An account with a consent for the client `app`, both stored."""
    account = an_account(**changes)
    consent = a_consent(account)
    store.write(lambda tx: (tx.accounts.add(account), tx.consents.give(consent)))
    return account, consent
