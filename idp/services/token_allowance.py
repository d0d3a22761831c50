"""Who may have age tokens, of which band, and how many: decided before anything is signed."""

import hmac

from crypto.encoding import lp
from idp.domain.account import AgeRecord
from idp.domain.age import Assurance, Band
from idp.domain.age_token import epoch_of, epoch_start
from idp.domain.errors import Refused
from idp.domain.policy import Policy
from idp.domain.ports import Transaction
from idp.services.realm import Realm

MINIMUM_ASSURANCE = Assurance.STANDARD


def entitled_band(policy: Policy, age: AgeRecord | None, now: int) -> Band:
    """The band an account's tokens vouch for. Refused `no_age_tokens`: age unknown, weak evidence, or too young."""
    if age is None or not age.assurance_at(now).meets(MINIMUM_ASSURANCE):
        raise Refused("no_age_tokens", "age tokens need recorded evidence of assurance standard or better")
    if not age.state.over(policy.age_token_age, now):
        raise Refused("no_age_tokens", f"there are no age tokens under {policy.age_token_age}")
    return age.state.band(now)


def charge_allowance(realm: Realm, account_id: bytes, request: bytes, count: int) -> None:
    """Charge `count` tokens to this epoch's quota, once for each distinct request; Refused `quota_spent`.

    A repeated identical request is recognised by a keyed digest, from which neither request nor account follows; its
    answer is the same, since the signature is deterministic. All in one transaction, the charge in one statement.
    """
    now = realm.clock.now()
    epoch = epoch_of(now)
    key = realm.ring.derive("audit", realm.ring.entries[0].id)
    digest = hmac.digest(key, lp("blindage/token-request/v1", account_id) + request, "sha256")

    def unit(tx: Transaction) -> None:
        if not tx.spent.claim("token-request", digest, epoch_start(epoch + 1)):
            return
        if not tx.allowance.charge(account_id, epoch, count, realm.token_quota):
            raise Refused("quota_spent", "this epoch's age tokens have all been given out")

    realm.store.write(unit, account_id)
