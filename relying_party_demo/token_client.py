"""A client of age tokens without a browser: what a page asks for, tokens for it, and one token spent there.

RFC 9577 (challenge and header), RFC 9578 (issuance), the batch as in draft-ietf-privacypass-batched-tokens-06. Fetching
and spending are two visits on purpose: the further apart they lie, the less they say about each other.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import ip_address
from urllib.parse import urljoin, urlsplit

from requests import RequestException, Response, Session

from crypto.blind_rsa_keys import BlindRsaPublicKey
from crypto.errors import BlindRsaError, TokenError
from crypto.privacy_pass import TOKEN_REQUEST_MEDIA_TYPE, TOKEN_TYPE_BLIND_RSA, Token, TokenResponse
from crypto.privacy_pass_batch import GENERIC_BATCH_REQUEST_MEDIA_TYPE, GenericBatchTokenResponse
from crypto.privacy_pass_challenge import TokenChallenge
from crypto.privacy_pass_client import create_batch_request, create_token_request, finalize_batch, finalize_token
from crypto.privacy_pass_directory import DIRECTORY_PATH, IssuerDirectory
from crypto.privacy_pass_scheme import format_authorization, parse_www_authenticate
from relying_party_demo.configuration import ConfigurationError, server_name_of
from relying_party_demo.issuer import TIMEOUT_SECONDS
from relying_party_demo.token_key_log import LOG_PATH, NotLogged, check_logged

SCOPE = "age_tokens"
_REFUSALS = {
    401: "The sign-in has expired. Please begin again.",
    403: "This account gets no age tokens: they need an age that was checked properly.",
    422: "This account is not an adult's, and this page takes nobody else's tokens.",
    429: "All tokens of this period have been fetched with this account. There will be new ones in the next period.",
    503: "The age service is busy. Please try again in a minute.",
}


class Refused(Exception):
    """There is no token, or it was not taken; the text is for the person."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a page asks for, already judged: tokens of this issuer for this page's own host."""

    challenge: TokenChallenge
    key: BlindRsaPublicKey | None


class TokenClient:
    """One person's client at one issuer. `log_key` is the verifier key of the issuer's key log, None to go without.

    Refused for an address that is neither https nor of this machine.
    """

    def __init__(self, issuer: str, log_key: str | None, now: Callable[[], float] = time.time) -> None:
        _check_protected(issuer)
        self._issuer, self._log_key, self._now = issuer, log_key, now
        self._http = Session()

    def ask(self, url: str) -> Wanted | Response:
        """The page's challenge, or the page itself where it asks for nothing."""
        try:
            here = server_name_of(url)
        except ConfigurationError as error:
            raise Refused(str(error)) from error
        _check_protected(url)
        answer = self._send("GET", url)
        if answer.status_code != 401:
            return answer
        try:
            challenges = parse_www_authenticate(answer.headers.get("WWW-Authenticate", ""))
            # Other types are passed over (RFC 9577, section 2.1.1).
            ours = next((one for one in challenges if one.token_type == TOKEN_TYPE_BLIND_RSA), None)
            if ours is None:
                raise Refused("The page does not ask for an age token.")
            challenge = ours.token_challenge()
            key = None if ours.token_key is None else BlindRsaPublicKey.from_spki(ours.token_key)
        except (TokenError, BlindRsaError) as error:
            raise Refused("What the page asks for is garbled.") from error
        if challenge.issuer_name != server_name_of(self._issuer):
            raise Refused(f"The page asks for tokens of another issuer: {challenge.issuer_name}.")
        # Section 2.1.3: else a page could collect tokens that count elsewhere.
        if not challenge.origin_names or not challenge.admits_origin(here):
            raise Refused(f"The page asks for tokens of another place: {challenge.origin_info or 'any'}.")
        return Wanted(challenge, key)

    def key_for(self, wanted: Wanted) -> BlindRsaPublicKey:
        """The issuer's key of the moment; refused where page, directory and log do not agree on it."""
        now = int(self._now())
        try:
            directory = IssuerDirectory.from_json(self._fetched(DIRECTORY_PATH))
            listed = directory.preferred_key(TOKEN_TYPE_BLIND_RSA, now)
            if listed is None:
                raise Refused("The age service has no key in use.")
            key = BlindRsaPublicKey.from_spki(listed.token_key)
            if self._log_key is not None:
                check_logged(self._fetched(LOG_PATH), self._log_key, listed.token_key, now)
        except NotLogged as error:
            raise Refused(f"The age service's key is not trusted: {error}. No token was fetched.") from error
        except (TokenError, BlindRsaError) as error:
            raise Refused("The age service's directory is garbled.") from error
        if wanted.key is not None and wanted.key != key:
            raise Refused("The page wants another key than the age service uses. No token was fetched.")
        return key

    def fetch(self, wanted: Wanted, key: BlindRsaPublicKey, access_token: str, count: int) -> list[Token]:
        """`count` tokens (1 .. 100): one alone, or more in one message. Every one has been verified."""
        try:
            if count == 1:
                request, pending = create_token_request(wanted.challenge, key)
                answer = self._issued(access_token, TOKEN_REQUEST_MEDIA_TYPE, request.to_bytes())
                return [finalize_token(pending, TokenResponse.from_bytes(answer))]
            batch, all_pending = create_batch_request(wanted.challenge, key, count)
            answer = self._issued(access_token, GENERIC_BATCH_REQUEST_MEDIA_TYPE, batch.to_bytes())
            tokens = finalize_batch(all_pending, GenericBatchTokenResponse.from_bytes(answer))
        except TokenError as error:
            raise Refused("The tokens that came were not signed with the public key: thrown away.") from error
        return [token for token in tokens if token is not None]

    def spend(self, url: str, token: Token) -> Response:
        """Ask for the page with a token, which is used up by that whatever the answer."""
        return self._send("GET", url, {"Authorization": format_authorization(token)})

    def _issued(self, access_token: str, media_type: str, body: bytes) -> bytes:
        headers = {"Authorization": f"Bearer {access_token}", "Content-Type": media_type}
        answer = self._send("POST", urljoin(self._issuer, "/token-request"), headers, body)
        # 206: a batch of which some were answered.
        if answer.status_code not in (200, 206):
            raise Refused(_REFUSALS.get(answer.status_code, f"The age service answered {answer.status_code}."))
        return answer.content

    def _fetched(self, path: str) -> bytes:
        answer = self._send("GET", urljoin(self._issuer, path))
        if answer.status_code != 200:
            raise Refused(f"The age service answered {answer.status_code}.")
        return answer.content

    def _send(
        self, method: str, url: str, headers: dict[str, str] | None = None, body: bytes | None = None
    ) -> Response:
        parts, sent = urlsplit(url), dict(headers or {})
        if parts.scheme == "http" and f".{parts.hostname}".endswith(".localhost"):
            # Loopback by RFC 6761, section 6.3, which browsers know and resolvers often do not.
            sent["Host"], url = parts.netloc, parts._replace(netloc=f"127.0.0.1:{parts.port or 80}").geturl()
        try:
            return self._http.request(
                method, url, headers=sent, data=body, timeout=TIMEOUT_SECONDS, allow_redirects=False
            )
        except RequestException as error:
            raise Refused(f"{parts.netloc} does not answer.") from error


def _check_protected(address: str) -> None:
    """Tokens are as good as money to whoever reads them on their way: https, or this machine."""
    parts = urlsplit(address)
    if parts.scheme == "https" or f".{parts.hostname}".endswith(".localhost"):
        return
    try:
        if ip_address(parts.hostname or "").is_loopback:
            return
    except ValueError:
        pass
    raise Refused(f"Nothing is sent to {address}: it is not https.")
