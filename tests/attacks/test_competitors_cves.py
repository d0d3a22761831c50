"""Twelve holes that other providers and libraries had, replayed here and refused (threats, part A)."""

import hashlib
import hmac
import json
import time
import zlib
from base64 import urlsafe_b64encode
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from typing import Any
from urllib.parse import quote

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from crypto.errors import JwtError
from crypto.jwk import SigningKey
from crypto.jwt import JwtSigner, verify_jwt
from idp.domain.account import AccountState
from idp.domain.errors import FetchRefused, Refused
from idp.domain.redirect_uri import check_redirect_uri, matches
from idp.outbound.guarded_fetcher import GuardedFetcher
from tests.app import App


def _b64(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def _hint(app: App, token: str) -> int:
    """What /authorize makes of an id_token_hint; 303 to the app with an error, or a page."""
    client = app.register_client()
    answer = client.ask(app.browser(), id_token_hint=token, prompt="none")
    assert answer.status_code == 303
    assert "error=invalid_request" in answer.location, answer.location
    return int(answer.status_code)


def _own_claims(app: App) -> dict[str, Any]:
    now = app.clock.now()
    return {"iss": app.issuer, "sub": "x" * 43, "aud": "anybody", "iat": now, "exp": now + 600}


class _Redirector(BaseHTTPRequestHandler):
    """Sends everybody to the cloud's metadata address, and counts."""

    visits = 0

    def do_GET(self) -> None:
        type(self).visits += 1
        self.send_response(302)
        self.send_header("Location", "http://169.254.169.254/latest/meta-data/")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Quiet."""


def test_keycloak_cve_2026_4366_a_fetch_follows_no_redirect() -> None:
    """A sector_identifier_uri that redirects to the cloud's metadata address is not followed."""
    with HTTPServer(("127.0.0.1", 0), _Redirector) as server:
        thread = Thread(target=server.handle_request)
        thread.start()
        with pytest.raises(FetchRefused) as refused:
            GuardedFetcher(True).get(f"http://127.0.0.1:{server.server_port}/sector.json")
        thread.join()
    assert refused.value.reason == "redirect" and _Redirector.visits == 1


@pytest.mark.parametrize("host", ["10.0.0.1", "169.254.169.254", "[::ffff:10.0.0.1]", "127.0.0.1", "0x7f000001"])
def test_keycloak_cve_2026_4874_a_fetch_never_reaches_an_inner_address(host: str) -> None:
    """A URI of a client's metadata that names an address inside is not connected to."""
    with pytest.raises(FetchRefused) as refused:
        GuardedFetcher(False).get(f"https://{host}/jwks.json")
    assert refused.value.reason in ("not_global", "bad_address")


def test_keycloak_cve_2026_7507_a_prepared_interaction_lands_in_no_other_browser(app: App) -> None:
    """An attacker's pending request, opened by the victim, takes no login of the victim (session fixation)."""
    client, victim = app.register_client(), app.person()
    prepared = client.ask(app.browser()).location
    answer = victim.browser.get(prepared)
    assert answer.status_code == 400 and "password" not in answer.text


@pytest.mark.parametrize(
    "uri",
    [
        "https://good.example@@evil.example/cb", "https://evil.example@@good.example/cb",
        "https://good.example@evil.example/cb",
    ],
)
def test_keycloak_cve_2026_7504_doubled_at_signs_hide_no_host(app: App, uri: str) -> None:
    """User information in a redirect URI: neither registered nor matched."""
    with pytest.raises(Refused):
        check_redirect_uri(uri, "web", issuer_is_loopback=False)
    client = app.register_client()
    answer = app.browser().get(client.authorize_url(redirect_uri=uri))
    assert answer.status_code == 400 and "Location" not in answer.headers


@pytest.mark.parametrize("uri", ["JaVaScRiPt:alert(1)", "javascript:alert(1)", "DATA:text/html,x", "vbscript:x"])
def test_keycloak_cve_2026_9086_no_scheme_that_runs_in_any_case(app: App, uri: str) -> None:
    """Executable schemes in any spelling are no redirect URIs, for native clients neither."""
    for application_type in ("web", "native"):
        with pytest.raises(Refused):
            check_redirect_uri(uri, application_type, issuer_is_loopback=True)
    client = app.register_client()
    assert app.browser().get(client.authorize_url(redirect_uri=uri)).status_code == 400


def test_keycloak_cve_2024_8883_loopback_of_one_client_is_no_wildcard() -> None:
    """`localhost` and other ports match nothing but what was registered, for native clients literals only."""
    registered = ("https://app.example/cb", "http://127.0.0.1:8000/cb")
    for wrong in ("http://localhost/cb", "http://localhost:8000/cb", "http://127.0.0.1/other", "http://127.1/cb"):
        assert not matches(wrong, registered, "web")
        assert not matches(wrong, registered, "native")
    assert not matches("http://127.0.0.1:9999/cb", registered, "web")
    assert matches("http://127.0.0.1:9999/cb", registered, "native")


def test_keycloak_cve_2026_16103_a_lock_counts_at_redemption_too(app: App) -> None:
    """An account locked between approval and redemption gets no token, by code or refresh token."""
    client, person = app.register_client(), app.person()
    tokens, code = client.tokens(person), client.code(person)
    realm = app.provider.realm
    realm.store.write(lambda tx: tx.accounts.set_state(person.account.id, AccountState.LOCKED), person.account.id)
    assert client.exchange(code).json["error"] == "invalid_grant"
    assert client.refresh(tokens["refresh_token"]).json["error"] == "invalid_grant"
    assert not client.holds(tokens["access_token"])


def test_authlib_cve_2024_37568_a_public_key_is_no_hmac_secret(app: App) -> None:
    """HS256 keyed with the text of our published key is refused."""
    signer = app.provider.keys.signer("RS256").key
    public = signer.public_key().key
    for secret in (
        public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
        public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
        json.dumps(signer.public_jwk()).encode(),
    ):
        head = _b64(json.dumps({"alg": "HS256", "kid": signer.kid}).encode())
        body = f"{head}.{_b64(json.dumps(_own_claims(app)).encode())}"
        _hint(app, f"{body}.{_b64(hmac.new(secret, body.encode(), hashlib.sha256).digest())}")


def test_authlib_cve_2025_61920_a_huge_header_costs_nothing(app: App) -> None:
    """A token of megabytes is refused by its length, before anything is decoded."""
    huge = _b64(b'{"alg":"RS256","x":"' + b"a" * 20_000_000 + b'"}') + ".e30.AA"
    begun = time.thread_time()
    with pytest.raises(JwtError):
        verify_jwt(huge, app.provider.keys.find, algorithms=frozenset({"RS256"}), typ=frozenset({None}))
    assert time.thread_time() - begun < 0.05


def test_authlib_cve_2026_27962_a_key_in_the_header_is_not_trusted(app: App) -> None:
    """A token signed by the key it brings along is refused."""
    attacker = SigningKey.generate("ES256")
    claims = _own_claims(app)
    head = {"alg": "ES256", "jwk": {k: v for k, v in attacker.public_jwk().items() if k in ("kty", "crv", "x", "y")}}
    body = f"{_b64(json.dumps(head).encode())}.{_b64(json.dumps(claims).encode())}"
    _hint(app, f"{body}.{_b64(attacker.sign(body.encode()))}")
    _hint(app, JwtSigner(attacker).sign(claims))


def test_authlib_zip_bomb_nothing_is_decrypted_or_inflated(app: App) -> None:
    """A JWE, compressed or not, is no token of ours."""
    bomb = zlib.compress(b"\x00" * 10_000_000)[2:-4]
    for head in ({"alg": "dir", "enc": "A128GCM", "zip": "DEF"}, {"alg": "RSA-OAEP", "enc": "A256GCM"}):
        token = ".".join([_b64(json.dumps(head).encode()), "", _b64(b"0" * 12), _b64(bomb[:4000]), _b64(b"0" * 16)])
        _hint(app, token)


@pytest.mark.parametrize("crit", [["b64"], ["exp"], ["unknown"], 1, None, []])
def test_authlib_crit_bypass_no_critical_header_is_waved_through(app: App, crit: object) -> None:
    """A `crit` header of any kind refuses the token, even with our own signature under it."""
    key = app.provider.keys.signer("ES256").key
    head = {"alg": "ES256", "kid": key.kid, "crit": crit, "b64": True, "unknown": 1}
    body = f"{_b64(json.dumps(head).encode())}.{_b64(json.dumps(_own_claims(app)).encode())}"
    _hint(app, f"{body}.{_b64(key.sign(body.encode()))}")


def test_the_twelve_are_twelve() -> None:
    """One test a hole."""
    names = [name for name in globals() if name.startswith(("test_keycloak_", "test_authlib_"))]
    assert len(names) == 12, quote(str(names))
