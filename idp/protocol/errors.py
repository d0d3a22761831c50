"""Every refusal of the protocol, once: code, status, and whether it may be answered by a redirect.

The public description tells a developer what to mend; the private `cause` goes to the log only. Classes descend
from Authlib's OAuth2Error, so that its dispatcher turns them into answers.
"""

from authlib.oauth2 import OAuth2Error


class ProtocolError(OAuth2Error):  # type: ignore[misc]  # Authlib carries no types
    """Base of all refusals. `description`: ASCII, for developers; `cause`: for the log, never sent."""

    error = "server_error"
    status_code = 400
    may_redirect = True

    def __init__(self, description: str = "", cause: str = "") -> None:
        super().__init__(description or None)
        self.text = description
        self.cause = cause


class InvalidRequest(ProtocolError):
    """RFC 6749, sections 4.1.2.1 and 5.2."""

    error = "invalid_request"


class UnknownClient(ProtocolError):
    """The client of an authorization request is not known: a page, never a redirect (RFC 6749, 4.1.2.1)."""

    error = "invalid_client"
    may_redirect = False


class UnprovenRedirectUri(ProtocolError):
    """The redirect URI is missing or not registered: a page, never a redirect (RFC 9700, 4.11.2)."""

    error = "invalid_request"
    may_redirect = False


class UnreviewedApp(ProtocolError):
    """An app that nobody reviewed would be sent an error: a page, so that we are no open redirector (RFC 9700, 4.11.2).

    `answer`: the error code that the app would have got, for its developer to read.
    """

    error = "access_denied"
    may_redirect = False

    def __init__(self, answer: str) -> None:
        super().__init__(f"{answer}; an app that is not reviewed yet is not answered by a redirect")


class InvalidClient(ProtocolError):
    """Client authentication failed (RFC 6749, section 5.2): 401."""

    error = "invalid_client"
    status_code = 401


class InvalidGrant(ProtocolError):
    """Code or refresh token is wrong, expired, used, of another client, or revoked (RFC 6749, 5.2)."""

    error = "invalid_grant"


class UnauthorizedClient(ProtocolError):
    """The client may not use this grant type (RFC 6749, 5.2)."""

    error = "unauthorized_client"


class UnsupportedGrantType(ProtocolError):
    """RFC 6749, section 5.2."""

    error = "unsupported_grant_type"


class UnsupportedResponseType(ProtocolError):
    """RFC 6749, section 4.1.2.1."""

    error = "unsupported_response_type"


class InvalidScope(ProtocolError):
    """RFC 6749, sections 3.3, 4.1.2.1 and 5.2."""

    error = "invalid_scope"


class AccessDenied(ProtocolError):
    """The person, the guardian or a rule said no; one answer for all of them (threats C05)."""

    error = "access_denied"


class LoginRequired(ProtocolError):
    """OIDC Core, section 3.1.2.6."""

    error = "login_required"


class ConsentRequired(ProtocolError):
    """OIDC Core, section 3.1.2.6."""

    error = "consent_required"


class InteractionRequired(ProtocolError):
    """OIDC Core, section 3.1.2.6."""

    error = "interaction_required"


class RequestNotSupported(ProtocolError):
    """OIDC Core, section 6.1."""

    error = "request_not_supported"


class RequestUriNotSupported(ProtocolError):
    """OIDC Core, section 6.2."""

    error = "request_uri_not_supported"


class RegistrationNotSupported(ProtocolError):
    """OIDC Core, section 7.2.1."""

    error = "registration_not_supported"


class UnmetAuthenticationRequirements(ProtocolError):
    """The asked `acr` cannot be met (OIDC Unmet Authentication Requirements 1.0, section 2)."""

    error = "unmet_authentication_requirements"


class TemporarilyUnavailable(ProtocolError):
    """Storage cannot answer; nothing was done (RFC 6749, 4.1.2.1, as 503 at machine endpoints)."""

    error = "temporarily_unavailable"
    status_code = 503


class MethodNotAllowed(ProtocolError):
    """The endpoint does not take this HTTP method; `allow` lists those it takes (RFC 9110, section 15.5.6)."""

    error = "invalid_request"
    status_code = 405

    def __init__(self, allow: str) -> None:
        super().__init__(f"use {allow}")
        self.allow = allow


class PayloadTooLarge(ProtocolError):
    """The request is larger than any honest one (RFC 9110, section 15.5.14)."""

    error = "invalid_request"
    status_code = 413


class InvalidToken(ProtocolError):
    """The access token is expired, revoked, malformed or of the wrong kind (RFC 6750, 3.1): 401."""

    error = "invalid_token"
    status_code = 401


class InsufficientScope(ProtocolError):
    """The access token lacks a scope (RFC 6750, section 3.1): 403."""

    error = "insufficient_scope"
    status_code = 403


class SlowDown(ProtocolError):
    """Too many tries: 429 with `Retry-After` (RFC 6585, section 4)."""

    error = "slow_down"
    status_code = 429


class InvalidDpopProof(ProtocolError):
    """The DPoP proof is missing or wrong (RFC 9449, section 5): 400 here, 401 at resources."""

    error = "invalid_dpop_proof"


class UseDpopNonce(ProtocolError):
    """A proof must carry this nonce (RFC 9449, sections 8 and 9): 400 here, 401 at resources."""

    error = "use_dpop_nonce"

    def __init__(self, nonce: str) -> None:
        super().__init__("the DPoP proof needs the nonce of the DPoP-Nonce header")
        self.nonce = nonce

    def get_headers(self) -> list[tuple[str, str]]:
        """Authlib's headers and the nonce."""
        return [*super().get_headers(), ("DPoP-Nonce", self.nonce)]


class AuthorizationPending(ProtocolError):
    """Nobody has answered the device's request yet: poll again (RFC 8628, section 3.5)."""

    error = "authorization_pending"


class PollingTooFast(ProtocolError):
    """As AuthorizationPending, and five seconds more between polls from now on (RFC 8628, section 3.5): 400."""

    error = "slow_down"


class ExpiredToken(ProtocolError):
    """The device code has expired: begin anew (RFC 8628, section 3.5)."""

    error = "expired_token"


class InvalidTarget(ProtocolError):
    """The resource is unknown or not allowed (RFC 8707, section 2)."""

    error = "invalid_target"


class InvalidRequestUri(ProtocolError):
    """A pushed request is unknown, expired, used or another client's: a page (RFC 9126, section 2.2)."""

    error = "invalid_request_uri"
    may_redirect = False


class InvalidRequestObject(ProtocolError):
    """The request object is refused (RFC 9101, section 6)."""

    error = "invalid_request_object"


class InvalidRedirectUri(ProtocolError):
    """A redirect URI must not be registered (RFC 7591, section 3.2.2)."""

    error = "invalid_redirect_uri"


class InvalidClientMetadata(ProtocolError):
    """A client metadata field is refused (RFC 7591, section 3.2.2)."""

    error = "invalid_client_metadata"


class UnapprovedSoftwareStatement(ProtocolError):
    """No issuer of software statements is approved here (RFC 7591, sections 2.3 and 3.2.2)."""

    error = "unapproved_software_statement"


class RegistrationForbidden(ProtocolError):
    """The client may not change its registration (RFC 7592, section 2.2): 403."""

    error = "access_denied"
    status_code = 403


class RegistrationChanged(ProtocolError):
    """Another request changed the registration at the same moment: read it again (RFC 9110, section 15.5.10)."""

    error = "invalid_request"
    status_code = 409


class UnprocessableToken(ProtocolError):
    """A token request is malformed or names another key (RFC 9578, section 6.2): 422."""

    error = "invalid_token_request"
    status_code = 422


class UnsupportedMediaType(ProtocolError):
    """The body has another media type than the endpoint takes (RFC 9110, section 15.5.16)."""

    error = "invalid_request"
    status_code = 415


class NotEntitled(ProtocolError):
    """The account may not have age tokens: weak evidence or too young. The project's own rule: 403."""

    error = "access_denied"
    status_code = 403


class QuotaSpent(ProtocolError):
    """The account's tokens of this epoch are given out. The project's own rule: 429."""

    error = "quota_exceeded"
    status_code = 429


class RequestExpired(ProtocolError):
    """A request that waited for a token is too old, of another browser, or answered. The project's own: 400."""

    error = "request_expired"
    may_redirect = False


class TokenRefused(ProtocolError):
    """An age token is malformed, of a key that does not count, wrongly signed, or spent. The project's own: 400."""

    error = "invalid_token"
    may_redirect = False


class Curfew(ProtocolError):
    """Minors may not use apps of this kind at this hour; the app hears `access_denied`. The project's own: 403."""

    error = "curfew"
    status_code = 403
    may_redirect = False


class GuardianNeeded(ProtocolError):
    """A minor's token cannot say whether a guardian would have to agree. The project's own: 403."""

    error = "guardian_needed"
    status_code = 403
    may_redirect = False
