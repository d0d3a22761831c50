"""Requests for an answer about a person, before and after their checks (OIDC Core, 3.1.2.1; RFC 8628, 3.1)."""

from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass, field

from idp.domain.client import Client
from idp.domain.device_grant import DeviceGrant, DeviceType
from idp.protocol.claims_request import NOTHING, ClaimsRequest

DEVICE_TYPE = "blindage_device_type"
"""Our own parameter of a device authorization request: one of the words of `DeviceType`."""


@dataclass(frozen=True, slots=True)
class UnverifiedRequest:
    """Parameters as they came, in order and with repetitions; nothing in here has been believed yet.

    `pushed`: they came by PAR from the authenticated client; `dpop_jkt` is the key it proved there.
    """

    pairs: tuple[tuple[str, str], ...]
    pushed: bool = False
    dpop_jkt: str | None = None

    def first(self) -> Mapping[str, str]:
        """Each parameter's first value."""
        return dict(reversed(self.pairs))


@dataclass(frozen=True, slots=True)
class PersonRequest:
    """What an app asks of a person, whichever way it came; checked step by step, after the last every field is proven.

    `scope` only what the client may have; `nonce` the app's own bytes, at most 512; `prompt` after OIDC Core 3.1.2.1;
    `max_age` seconds; `hinted_subject` the `sub` of a verified id_token_hint; `resource` after RFC 8707.
    """

    client: Client
    parameters: Mapping[str, str]
    _: KW_ONLY
    scope: frozenset[str] = frozenset()
    nonce: str | None = None
    prompt: frozenset[str] = frozenset()
    max_age: int | None = None
    claims: ClaimsRequest = field(default=NOTHING)
    acr_values: tuple[str, ...] = ()
    hinted_subject: str | None = None
    ui_locales: tuple[str, ...] = ()
    resource: str | None = None

    @property
    def subjects(self) -> frozenset[str]:
        """The subjects the app insists on (by `id_token_hint` or `claims`); empty when anyone will do."""
        return frozenset(s for s in (self.hinted_subject, self.claims.subject) if s is not None)

    @property
    def wants_age(self) -> bool:
        """Whether any age claim is asked for."""
        return "age" in self.scope or bool(self.claims.age_claims)


@dataclass(frozen=True, slots=True)
class AuthorizationRequest(PersonRequest):
    """A request at `/authorize`, answered by a redirect to `redirect_uri`.

    `state` is the app's own, at most 512 bytes; `dpop_jkt` the key the code will be bound to (RFC 9449, section 10).
    """

    redirect_uri: str
    response_mode: str = "query"
    state: str | None = None
    code_challenge: str | None = None
    pushed: bool = False
    dpop_jkt: str | None = None


@dataclass(frozen=True, slots=True)
class DeviceRequest(PersonRequest):
    """A device's request (RFC 8628), brought to a browser by its user code; the answer waits for the device to poll.

    `user_code` is the one that was typed in or scanned, 8 letters.
    """

    grant: DeviceGrant
    user_code: str

    @property
    def device_type(self) -> DeviceType:
        """What the device says it is."""
        return DeviceType(self.parameters.get(DEVICE_TYPE, DeviceType.OTHER))
