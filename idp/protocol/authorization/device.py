"""A person's answer to a device: stored once, and told to the device at its next poll (RFC 8628, section 3.3)."""

from dataclasses import dataclass

from idp.domain.device_grant import Approved, DeviceGrant
from idp.domain.errors import Refused
from idp.protocol.authorization.request import DeviceRequest
from idp.protocol.provider import Provider

ALLOWED, DENIED, LATE = "allowed", "denied", "late"


@dataclass(frozen=True, slots=True)
class DeviceAnswered:
    """Show what became of the answer: `allowed`, `denied`, or `late` when another one or the time was first."""

    answer: str


def approve_device(provider: Provider, request: DeviceRequest, approved: Approved) -> DeviceAnswered:
    """Waiting -> approved. What was agreed is looked at once more when the device redeems its code."""
    now = provider.now()
    try:
        answered = request.grant.approve(approved, now)
    except Refused:
        return DeviceAnswered(LATE)
    return DeviceAnswered(ALLOWED if _claimed(provider, answered, now) else LATE)


def deny_device(provider: Provider, request: DeviceRequest) -> DeviceAnswered:
    """Waiting -> denied: the one negative answer a device sees of a person's or a rule's no (threats C05)."""
    now = provider.now()
    try:
        answered = request.grant.deny(now)
    except Refused:
        return DeviceAnswered(LATE)
    return DeviceAnswered(DENIED if _claimed(provider, answered, now) else LATE)


def _claimed(provider: Provider, answered: DeviceGrant, now: int) -> bool:
    return provider.realm.store.write(lambda tx: tx.device_grants.claim_answer(answered, now), answered.id)
