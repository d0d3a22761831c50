"""What a DPoP proof must be at our endpoints (RFC 9449, sections 4.2, 4.3, 8, 9 and 11.1).

The proof itself is taken apart in `tests/crypto/test_dpop.py`; here it meets the token endpoint, PAR and UserInfo.
"""

from collections.abc import Iterator
from typing import Any

import pytest
from werkzeug.test import TestResponse

from tests.app import App, make_app
from tests.dpop_client import DpopClient
from tests.relying_party import RelyingParty, error_of, success

FORM = {"grant_type": "refresh_token", "refresh_token": "x"}


@pytest.fixture(scope="module")
def party(app: App) -> RelyingParty:
    """An app with a DPoP key that has the server's nonce."""
    party = app.register_client().with_dpop()
    assert error_of(party.post("/token", FORM)) == "invalid_grant"
    return party


@pytest.fixture(scope="module")
def client(party: RelyingParty) -> DpopClient:
    """Its key."""
    assert party.dpop is not None
    return party.dpop


def _at_token(party: RelyingParty, proof: str) -> TestResponse:
    return RelyingParty(party.app, party.client, party.secret).post("/token", FORM, headers={"DPoP": proof})


CLAIMS: list[dict[str, Any]] = [
    {"jti": None},
    {"jti": ""},
    {"jti": 7},
    {"jti": "x" * 300},
    {"htm": None},
    {"htm": "GET"},
    {"htm": "post"},
    {"htu": None},
    {"htu": "https://id.example/userinfo"},
    {"htu": "https://evil.example/token"},
    {"htu": "http://id.example/token"},
    {"htu": "https://id.example:444/token"},
    {"htu": "/token"},
    {"iat": None},
    {"iat": "now"},
    {"iat": 1},
    {"exp": 1},
    {"nbf": 4_000_000_000},
]


@pytest.mark.parametrize("changes", CLAIMS)
def test_proof_with_a_missing_or_wrong_claim_is_refused(
    party: RelyingParty, client: DpopClient, changes: dict[str, Any]
) -> None:
    """row 106: RFC 9449, sections 4.2 and 4.3: jti, htm, htu, iat."""
    assert error_of(_at_token(party, client.proof("POST", "/token", **changes))) == "invalid_dpop_proof"


def test_proof_is_good_a_minute_either_side_of_now(app: App, party: RelyingParty, client: DpopClient) -> None:
    """row 106: RFC 9449, section 11.1."""
    now = app.clock.now()
    for offset in (-61, -60, 60, 61):
        expected = "invalid_grant" if abs(offset) <= 60 else "invalid_dpop_proof"
        assert error_of(_at_token(party, client.proof("POST", "/token", iat=now + offset))) == expected


def test_query_and_fragment_of_htu_do_not_count(party: RelyingParty, client: DpopClient) -> None:
    """row 106: RFC 9449, section 4.3, check 9."""
    for htu in ("https://id.example/token?x=1#f", "https://ID.example:443/token", "HTTPS://id.example/%74oken"):
        assert error_of(_at_token(party, client.proof("POST", "/token", htu=htu))) == "invalid_grant"


@pytest.mark.parametrize(
    "header",
    [
        {"typ": "JWT"},
        {"typ": None},
        {"typ": "at+jwt"},
        {"alg": "none"},
        {"alg": "HS256"},
        {"alg": "RS256"},
        {"alg": "ES384"},
        {"alg": None},
        {"jwk": None},
        {"jwk": {"kty": "oct", "k": "AAECAwQFBgcICQoLDA0ODw"}},
        {"jwk": "x"},
        {"crit": ["exp"]},
        {"crit": 1},
        {"jku": "https://evil.example/jwks"},
        {"x5c": ["x"]},
    ],
)
def test_proof_with_a_wrong_header_is_refused(party: RelyingParty, client: DpopClient, header: dict[str, Any]) -> None:
    """row 106: RFC 9449, section 4.3: typ, asymmetric algorithm, public key."""
    proof = client.sign(client.claims("POST", "/token"), **header)
    assert error_of(_at_token(party, proof)) == "invalid_dpop_proof"


def test_private_key_in_the_header_is_refused(party: RelyingParty, client: DpopClient) -> None:
    """row 106: RFC 9449, section 4.3, check 7."""
    proof = client.sign(client.claims("POST", "/token"), jwk=client.key.as_dict(private=True))
    assert error_of(_at_token(party, proof)) == "invalid_dpop_proof"


def test_signature_must_be_that_of_the_embedded_key(app: App, party: RelyingParty, client: DpopClient) -> None:
    """row 106: RFC 9449, section 4.3, check 6."""
    other = DpopClient(app.send, app.origin, app.clock.now)
    proof = client.sign(client.claims("POST", "/token"), jwk=other.jwk)
    assert error_of(_at_token(party, proof)) == "invalid_dpop_proof"


def test_more_than_one_header_is_refused(party: RelyingParty, client: DpopClient) -> None:
    """row 106: RFC 9449, section 4.3, check 1; servers join header lines by a comma."""
    one, two = client.proof("POST", "/token"), client.proof("POST", "/token")
    for header in (f"{one}, {two}", f"{one},{one}", f"{one},", ""):
        assert error_of(_at_token(party, header)) == "invalid_dpop_proof"
    assert error_of(_at_token(party, one)) == "invalid_grant"


def test_ath_must_be_that_of_the_token(app: App, party: RelyingParty, client: DpopClient) -> None:
    """row 106: RFC 9449, section 4.3, check 12."""
    token = party.tokens(app.person())["access_token"]
    for changes in ({"ath": None}, {"ath": "x"}, {"ath": "é"}, {"ath": 1}):
        proof = client.proof("GET", "/userinfo", token, **changes)
        answer = app.send("GET", "/userinfo", headers={"Authorization": f"DPoP {token}", "DPoP": proof})
        assert answer.status_code == 401
        assert 'error="invalid_dpop_proof"' in answer.headers["WWW-Authenticate"]
    assert party.userinfo(token).status_code == 200


def test_proof_is_used_once_for_each_key(app: App, party: RelyingParty, client: DpopClient) -> None:
    """row 107: RFC 9449, section 11.1; another key may come to the same jti by chance."""
    proof = client.proof("POST", "/token", jti="chosen")
    assert error_of(_at_token(party, proof)) == "invalid_grant"
    assert error_of(_at_token(party, proof)) == "invalid_dpop_proof"
    assert error_of(_at_token(party, client.proof("POST", "/token", jti="chosen"))) == "invalid_dpop_proof"
    other = party.with_dpop().dpop
    assert other is not None
    other.nonce = client.nonce
    assert error_of(_at_token(party, other.proof("POST", "/token", jti="chosen"))) == "invalid_grant"


def test_replay_fails_as_long_as_the_proof_would_be_fresh(app: App, party: RelyingParty, client: DpopClient) -> None:
    """row 107: RFC 9449, section 11.1: markers of used proofs outlive the proofs, housekeeping or not."""
    proof = client.proof("POST", "/token", iat=app.clock.now() + 60)
    assert error_of(_at_token(party, proof)) == "invalid_grant"
    for _ in range(3):
        app.clock.advance(40)
        now = app.clock.now()
        app.provider.realm.store.write(lambda tx, now=now: tx.housekeeping.purge(now, 1000))
        assert error_of(_at_token(party, proof)) in ("invalid_dpop_proof", "use_dpop_nonce")


@pytest.fixture
def worker(app: App) -> Iterator[App]:
    """Another worker: its own store on the same database, its own memory."""
    other = make_app(app.settings.data_dir, clock=app.clock, exclusive=False)
    yield other
    other.provider.realm.store.close()


def test_proof_seen_by_one_worker_is_seen_by_all(app: App, worker: App, party: RelyingParty) -> None:
    """row 107: RFC 9449, section 11.1; two processes on PostgreSQL meet in `tests/races`."""
    client = party.with_dpop().dpop
    assert client is not None
    client.nonce = app.provider.dpop_nonces.current(app.clock.now())
    proof = client.proof("POST", "/token")
    assert error_of(_at_token(party, proof)) == "invalid_grant"
    elsewhere = RelyingParty(worker, party.client, party.secret)
    assert error_of(_at_token(elsewhere, proof)) == "invalid_dpop_proof"


def test_nonce_is_demanded_with_400_at_token_and_par(app: App, party: RelyingParty) -> None:
    """row 110: RFC 9449, section 8."""
    client = party.with_dpop().dpop
    assert client is not None
    plain = RelyingParty(app, party.client, party.secret)
    for path, form in (("/token", FORM), ("/par", party.parameters())):
        for nonce in (None, "wrong", "é", "x" * 300):
            client.nonce = nonce
            answer = plain.post(path, form, headers={"DPoP": client.proof("POST", path)})
            assert error_of(answer) in ("use_dpop_nonce", "invalid_dpop_proof")
            assert (error_of(answer) == "use_dpop_nonce") is (nonce in (None, "wrong"))
        client.nonce = None
        client.nonce = plain.post(path, form, headers={"DPoP": client.proof("POST", path)}).headers["DPoP-Nonce"]
        again = plain.post(path, form, headers={"DPoP": client.proof("POST", path)})
        assert again.status_code == 201 or error_of(again) == "invalid_grant"


def test_nonce_is_demanded_with_401_at_resources(app: App, party: RelyingParty, client: DpopClient) -> None:
    """row 110: RFC 9449, section 9."""
    token = party.tokens(app.person())["access_token"]
    proof = client.proof("GET", "/userinfo", token, nonce=None)
    answer = app.send("GET", "/userinfo", headers={"Authorization": f"DPoP {token}", "DPoP": proof})
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"].startswith('DPoP realm="blindage", error="use_dpop_nonce"')
    assert answer.headers["DPoP-Nonce"]
    assert "DPoP-Nonce" in answer.headers["Access-Control-Expose-Headers"]
    assert answer.headers["Cache-Control"] == "no-store"


def test_nonces_are_unpredictable_expire_and_hold_on_every_worker(
    app: App, worker: App, party: RelyingParty
) -> None:
    """row 110: RFC 9449, section 8: keyed, new each minute, accepted for two, the same everywhere."""
    client = party.with_dpop().dpop
    assert client is not None
    nonces = []
    for _ in range(5):
        nonces.append(app.provider.dpop_nonces.current(app.clock.now()))
        app.clock.advance(60)
    assert len(set(nonces)) == 5 and all(len(nonce) == 22 for nonce in nonces)
    elsewhere = RelyingParty(worker, party.client, party.secret)
    client.nonce = app.provider.dpop_nonces.current(app.clock.now())
    app.clock.advance(60)
    assert error_of(_at_token(elsewhere, client.proof("POST", "/token"))) == "invalid_grant"
    app.clock.advance(60)
    assert error_of(_at_token(elsewhere, client.proof("POST", "/token"))) == "use_dpop_nonce"


def test_refused_proof_burns_nothing(app: App, party: RelyingParty) -> None:
    """row 107: what failed for its nonce may come again with the same jti."""
    client = party.with_dpop().dpop
    assert client is not None
    assert error_of(_at_token(party, client.proof("POST", "/token", jti="kept"))) == "use_dpop_nonce"
    client.nonce = app.provider.dpop_nonces.current(app.clock.now())
    assert error_of(_at_token(party, client.proof("POST", "/token", jti="kept"))) == "invalid_grant"
    assert success(party.userinfo(party.tokens(app.person())["access_token"]))
