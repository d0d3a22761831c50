"""The authorization request, before and after its checks (OIDC Core, section 3.1.2.1)."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from idp.domain.client import Client
from idp.protocol.claims_request import NOTHING, ClaimsRequest


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
class AuthorizationRequest:
    """A request whose checked part grows step by step; after the last step every field is proven.

    `state` and `nonce` are the app's own bytes, at most 512; `scope` only what the client may have;
    `prompt` after OIDC Core 3.1.2.1; `max_age` seconds; `hinted_subject` the `sub` of a verified id_token_hint;
    `dpop_jkt` the key the code will be bound to (RFC 9449, 10); `resource` after RFC 8707.
    """

    client: Client
    redirect_uri: str
    parameters: Mapping[str, str]
    response_mode: str = "query"
    state: str | None = None
    nonce: str | None = None
    scope: frozenset[str] = frozenset()
    prompt: frozenset[str] = frozenset()
    max_age: int | None = None
    code_challenge: str | None = None
    claims: ClaimsRequest = field(default=NOTHING)
    acr_values: tuple[str, ...] = ()
    hinted_subject: str | None = None
    ui_locales: tuple[str, ...] = ()
    pushed: bool = False
    dpop_jkt: str | None = None
    resource: str | None = None

    @property
    def subjects(self) -> frozenset[str]:
        """The subjects the app insists on (by `id_token_hint` or `claims`); empty when anyone will do."""
        return frozenset(s for s in (self.hinted_subject, self.claims.subject) if s is not None)

    @property
    def wants_age(self) -> bool:
        """Whether any age claim is asked for."""
        return "age" in self.scope or bool(self.claims.age_claims)
