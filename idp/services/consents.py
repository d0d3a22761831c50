"""Consents: given by the person (or the guardian), withdrawn at any time, each with one audit row."""

from idp.domain.audit_event import AuditEvent, AuditKind
from idp.domain.client import Client
from idp.domain.consent import Consent, Giver
from idp.domain.identifiers import new_id
from idp.domain.ports import Transaction
from idp.services.outbox import tell_consent_withdrawn
from idp.services.realm import Realm


def give_consent(
    realm: Realm, account_id: bytes, client: Client, scope: frozenset[str], claims: frozenset[str]
) -> Consent:
    """Record that a person agreed; what an earlier consent under the same manifest covered stays covered."""
    now = realm.clock.now()
    consent_id, event_id = new_id(now), new_id(now)

    def unit(tx: Transaction) -> Consent:
        # What was agreed under an older manifest was agreed for other purposes: it does not live on.
        version = client.manifest.version
        earlier = [
            consent
            for consent in tx.consents.active(account_id, client.id)
            if consent.giver is Giver.SELF and consent.manifest_version == version
        ]
        consent = Consent(
            id=consent_id,
            account_id=account_id,
            client_id=client.id,
            scope=scope.union(*(c.scope for c in earlier)),
            claims=claims.union(*(c.claims for c in earlier)),
            manifest_version=version,
            giver=Giver.SELF,
            created_at=now,
        )
        tx.consents.give(consent)
        tx.audit.append(
            AuditEvent(event_id, now, AuditKind.CONSENT_GIVEN, account_id, client.id, consent_id.hex())
        )
        return consent

    return realm.store.write(unit, account_id)


def withdraw_consent(realm: Realm, account_id: bytes, client_id: str) -> bool:
    """Withdraw every consent of the pair and end its grants; False when there was none."""
    now = realm.clock.now()
    event = AuditEvent(new_id(now), now, AuditKind.CONSENT_WITHDRAWN, account_id, client_id, account_id.hex())

    def unit(tx: Transaction) -> bool:
        closed = tx.consents.withdraw(account_id, client_id, now) > 0
        if closed:
            tx.audit.append(event)
            tell_consent_withdrawn(realm, tx, account_id, client_id, now)
        return closed

    return realm.store.write(unit, account_id)
