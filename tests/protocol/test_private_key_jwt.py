"""private_key_jwt: a client proves itself with a key (conformance row 52; RFC 7523, section 3; OIDC Core, 9)."""

import json
import threading
from base64 import urlsafe_b64decode
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from werkzeug.test import TestResponse

from idp.domain.client import ClientState
from idp.protocol.client_assertion import LEEWAY, MAX_LIFETIME
from idp.protocol.client_key_sets import REFETCH_SECONDS
from idp.services.clients import set_client_state
from idp.services.housekeeping import purge_expired
from idp.storage.sql.expiry import SPENT_KEPT_SECONDS
from idp.storage.sql.store import upgrade_schema
from tests.app import App, Person, make_app, running_app
from tests.assertion_client import ASSERTION_TYPE, AssertionKey, assertion_claims, assertion_form, key_set
from tests.attacks.hostile_jwts import hostile_jwts, signed_bad_times, signed_hostile_jwts
from tests.listening_app import listening_app
from tests.relying_party import RelyingParty, error_of, success

KEYS = {alg: AssertionKey(alg) for alg in ("ES256", "EdDSA", "Ed25519", "RS256")}
KEY = KEYS["ES256"]
UNKNOWN = {"error": "invalid_client", "error_description": "client authentication failed"}


@pytest.fixture(scope="module")
def issuer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    with running_app(tmp_path_factory.mktemp("issuer")) as running:
        yield running


@dataclass
class Garden:
    """An app with `private_key_jwt`, and one request it makes: introspecting a token, which needs authentication."""

    app: App
    party: RelyingParty

    @property
    def id(self) -> str:
        return self.party.id

    def claims(self, **changes: Any) -> dict[str, Any]:
        return assertion_claims(self.id, self.app.issuer, self.app.clock.now(), **changes)

    def ask(self, assertion: str) -> TestResponse:
        # Some hostile tokens are not even text; they are sent as the bytes they are.
        body = urlencode(assertion_form(assertion, token="t"), errors="surrogatepass").encode("ascii")
        return self.app.send("POST", "/introspect", body=body)

    def accepted(self, assertion: str) -> bool:
        answer = self.ask(assertion)
        if answer.status_code == 200:
            return True
        assert error_of(answer, 401) == "invalid_client"
        assert answer.json == UNKNOWN, "one answer for every reason"
        assert "WWW-Authenticate" not in answer.headers
        return False

    def accepts(self, key: AssertionKey = KEY, **changes: Any) -> bool:
        return self.accepted(key.sign(self.claims(**changes)))


def garden(app: App, *keys: AssertionKey, **metadata: Any) -> Garden:
    given: dict[str, Any] = {"token_endpoint_auth_method": "private_key_jwt", **metadata}
    if "jwks_uri" not in given:
        given.setdefault("jwks", key_set(*(keys or (KEY,))))
    return Garden(app, app.register_client(**given))


@pytest.fixture(scope="module")
def client(issuer: App) -> Garden:
    return garden(issuer, *KEYS.values())


@pytest.mark.parametrize("alg", sorted(KEYS))
def test_assertion_of_every_supported_algorithm_is_accepted(client: Garden, alg: str) -> None:
    assert client.accepts(KEYS[alg])


def test_the_whole_code_flow_works_with_assertions_at_every_endpoint(issuer: App, client: Garden) -> None:
    person = issuer.person()
    pushed = issuer.send(
        "POST", "/par", assertion_form(KEY.sign(client.claims()), **client.party.parameters())
    )
    assert pushed.status_code == 201, pushed.text
    tokens = success(_redeem(client, person, KEY.sign(client.claims())))
    assert issuer.verified(tokens["id_token"])[1]["aud"] == client.id
    found = client.app.send("POST", "/introspect", assertion_form(_fresh(client), token=tokens["access_token"]))
    assert success(found)["active"] is True
    refresh = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}
    assert "access_token" in success(issuer.send("POST", "/token", assertion_form(_fresh(client), **refresh)))
    revoked = issuer.send("POST", "/revoke", assertion_form(_fresh(client), token=tokens["refresh_token"]))
    assert revoked.status_code == 200
    assert not client.party.holds(tokens["access_token"])


def test_audience_is_the_issuer_or_the_token_endpoint_and_one_string(issuer: App, client: Garden) -> None:
    assert client.accepts(aud=issuer.issuer)
    assert client.accepts(aud=issuer.issuer + "/token")
    for refused in (
        [issuer.issuer], [issuer.issuer + "/token"], [issuer.issuer, "https://other.example"], [], None, "", 1, {},
        issuer.issuer + "/", issuer.issuer + "/introspect", issuer.issuer.upper(), "https://other.example", client.id,
    ):  # fmt: skip
        assert not client.accepts(aud=refused), refused


def test_under_fapi_the_audience_is_the_issuer_alone(issuer: App) -> None:
    fapi = garden(
        issuer, fapi=True, require_pushed_authorization_requests=True, dpop_bound_access_tokens=True,
        id_token_signed_response_alg="ES256",
    )  # fmt: skip
    assert fapi.accepts()
    assert not fapi.accepts(aud=issuer.issuer + "/token")


def test_issuer_and_subject_are_the_client(issuer: App, client: Garden) -> None:
    other = garden(issuer)
    for changes in (
        {"iss": None}, {"sub": None}, {"iss": other.id}, {"sub": other.id}, {"iss": issuer.issuer},
        {"iss": [client.id]}, {"sub": 7}, {"iss": "", "sub": ""},
    ):  # fmt: skip
        assert not client.accepts(**changes), changes
    assert not client.accepts(AssertionKey("ES256", KEY.kid)), "another key of the same name"


def test_another_clients_key_does_not_speak_for_this_one(issuer: App) -> None:
    key, other = AssertionKey("ES256"), AssertionKey("ES256")
    mine, theirs = garden(issuer, key), garden(issuer, other)
    assert not mine.accepted(other.sign(mine.claims()))
    assert mine.accepted(key.sign(mine.claims()))
    assert theirs.accepted(other.sign(theirs.claims()))


def test_expiry_is_there_and_at_most_five_minutes_ahead(issuer: App, client: Garden) -> None:
    now = issuer.clock.now()
    for expires, accepted in (
        (now + MAX_LIFETIME, True), (now + MAX_LIFETIME + LEEWAY, True), (now + MAX_LIFETIME + LEEWAY + 1, False),
        (now + 86_400, False), (now - LEEWAY + 1, True), (now - LEEWAY, False), (now - 3600, False), (None, False),
    ):  # fmt: skip
        assert client.accepts(exp=expires) is accepted, expires


def test_not_before_and_issued_at_may_be_ten_seconds_ahead(issuer: App, client: Garden) -> None:
    now = issuer.clock.now()
    for claim in ("nbf", "iat"):
        assert client.accepts(**{claim: now + LEEWAY})
        assert not client.accepts(**{claim: now + LEEWAY + 1})
    assert client.accepts(iat=None)


@pytest.mark.parametrize("jti", [None, "", 1, ["a"], {"a": 1}, True, "j" * 257])
def test_an_assertion_without_a_usable_jti_is_refused(client: Garden, jti: object) -> None:
    assert not client.accepts(jti=jti)


def test_an_assertion_is_accepted_once(issuer: App, client: Garden) -> None:
    assertion = KEY.sign(client.claims())
    assert [client.accepted(assertion) for _ in range(3)] == [True, False, False]
    # The same jti in another assertion is the same assertion; another client's is not.
    assert not client.accepted(KEY.sign(client.claims(jti=_jti(assertion))))
    assert garden(issuer).accepts(jti=_jti(assertion))


def test_a_refused_assertion_burns_no_jti(client: Garden) -> None:
    claims = client.claims(jti="kept-for-its-owner")
    assert not client.accepted(AssertionKey("ES256", KEY.kid).sign(claims))
    assert not client.accepted(KEY.sign({**claims, "aud": "https://other.example"}))
    assert client.accepted(KEY.sign(claims))


def test_an_assertion_is_remembered_as_long_as_it_could_be_accepted(tmp_path: Path) -> None:
    with running_app(tmp_path) as app:
        client = garden(app)
        claims = client.claims(exp=app.clock.now() + MAX_LIFETIME)
        assert client.accepted(KEY.sign(claims))
        app.clock.advance(MAX_LIFETIME + LEEWAY - 1)
        purge_expired(app.provider.realm)
        assert client.accepts(exp=claims["exp"]), "still within its time"
        assert not client.accepted(KEY.sign(claims)), "but used"
        app.clock.advance(2 + SPENT_KEPT_SECONDS)
        assert purge_expired(app.provider.realm)["spent"] >= 1
        assert not client.accepted(KEY.sign(claims)), "too old now"


def test_one_assertion_raced_by_eight_requests_is_accepted_once(client: Garden) -> None:
    for _ in range(10):
        assertion = KEY.sign(client.claims())
        assert sorted(_race([client] * 8, assertion)) == [False] * 7 + [True]


def test_one_assertion_raced_on_two_servers_of_one_postgresql_is_accepted_once(
    postgres_url: str, tmp_path: Path
) -> None:
    upgrade_schema(postgres_url, tmp_path)
    first = make_app(tmp_path, database_url=postgres_url)
    second = make_app(tmp_path, database_url=postgres_url)
    try:
        here = garden(first)
        there = Garden(second, here.party)
        for _ in range(20):
            assertion = KEY.sign(here.claims())
            assert sorted(_race([here, there] * 4, assertion)) == [False] * 7 + [True]
    finally:
        first.provider.realm.store.close()
        second.provider.realm.store.close()


def test_the_registered_algorithm_is_the_only_one(issuer: App) -> None:
    client = garden(issuer, *KEYS.values(), token_endpoint_auth_signing_alg="ES256")
    assert client.accepts(KEYS["ES256"])
    assert not client.accepts(KEYS["RS256"])
    assert not client.accepts(KEYS["EdDSA"])
    assert not client.accepts(KEYS["Ed25519"])


def test_the_type_is_a_jwt_or_a_client_assertion(client: Garden) -> None:
    for typ in ("JWT", "client-authentication+jwt", "application/client-authentication+jwt"):
        assert client.accepted(KEY.sign(client.claims(), typ=typ)), typ
    for typ in ("at+jwt", "dpop+jwt", "logout+jwt", "secevent+jwt", "", 1):
        assert not client.accepted(KEY.sign(client.claims(), typ=typ)), typ


def test_the_method_is_the_registered_one(issuer: App, client: Garden) -> None:
    secretive = issuer.register_client(jwks=key_set(KEY))
    claims = assertion_claims(secretive.id, issuer.issuer, issuer.clock.now())
    assert not Garden(issuer, secretive).accepted(KEY.sign(claims))
    public = issuer.register_client(jwks=key_set(KEY), token_endpoint_auth_method="none")
    claims = assertion_claims(public.id, issuer.issuer, issuer.clock.now())
    answer = issuer.send("POST", "/revoke", assertion_form(KEY.sign(claims), token="t"))
    assert error_of(answer, 401) == "invalid_client"
    for form in ({"client_id": client.id}, {"client_id": client.id, "client_secret": "guess"}):
        assert error_of(issuer.send("POST", "/introspect", {"token": "t", **form}), 401) == "invalid_client"


def test_an_unknown_or_suspended_client_is_answered_alike(issuer: App, client: Garden) -> None:
    for unknown in ("nobody", "x" * 600, "a\x00b", "\u00e9"):
        claims = assertion_claims(unknown, issuer.issuer, issuer.clock.now())
        assert not client.accepted(KEY.sign(claims)), unknown
    suspended = garden(issuer)
    assert suspended.accepts()
    set_client_state(issuer.provider.realm, suspended.id, ClientState.SUSPENDED)
    assert not suspended.accepts()


def test_an_assertion_and_a_secret_together_are_an_invalid_request(issuer: App, client: Garden) -> None:
    form = assertion_form(_fresh(client), token="t")
    basic = {"Authorization": "Basic eDp5"}
    assert error_of(issuer.send("POST", "/introspect", form, headers=basic)) == "invalid_request"
    assert error_of(issuer.send("POST", "/introspect", {**form, "client_secret": "s"})) == "invalid_request"
    assert error_of(issuer.send("POST", "/introspect", {**form, "client_id": "another"})) == "invalid_request"
    assert success(issuer.send("POST", "/introspect", {**form, "client_id": client.id})) == {"active": False}


def test_another_assertion_type_or_half_an_assertion_is_refused(issuer: App, client: Garden) -> None:
    assertion = _fresh(client)
    for form in (
        {"client_assertion": assertion}, {"client_assertion_type": ASSERTION_TYPE},
        {"client_assertion": assertion, "client_assertion_type": ASSERTION_TYPE.replace("jwt", "saml2")},
        {"client_assertion": assertion, "client_assertion_type": ASSERTION_TYPE.upper()},
    ):  # fmt: skip
        assert error_of(issuer.send("POST", "/introspect", {"token": "t", **form}), 401) == "invalid_client", form
    assert client.accepted(assertion)


@pytest.mark.parametrize("alg", sorted(KEYS))
def test_no_hostile_jwt_is_accepted_as_an_assertion(client: Garden, alg: str) -> None:
    key = KEYS[alg]
    valid = key.sign(client.claims())
    cases = hostile_jwts(valid, key.jwk)
    fresh = client.claims()
    cases += signed_hostile_jwts(key.sign_bytes, key.header, fresh)
    cases += signed_bad_times(key.sign_bytes, key.header, fresh)
    assert len(cases) >= 60
    for name, token in cases:
        answer = client.ask(token)
        # Past 64 kB the body itself is refused, before anybody looks for a client in it.
        assert answer.status_code in (400, 401, 413), f"{name}: {answer.status_code} {answer.text}"
    assert client.accepted(valid)
    assert client.accepted(key.sign(fresh))


def test_keys_are_fetched_from_jwks_uri_and_rotated_without_a_word(tmp_path: Path) -> None:
    first, second = AssertionKey("ES256"), AssertionKey("RS256")
    with running_app(tmp_path, "http://127.0.0.1:9000") as app, listening_app() as server:
        server.answers["/jwks"] = (200, {}, json.dumps(key_set(first)).encode())
        client = garden(app, jwks_uri=server.url("/jwks"))
        assert client.accepts(first) and client.accepts(first)
        assert len(server.at("/jwks")) == 1
        server.answers["/jwks"] = (200, {}, json.dumps(key_set(first, second)).encode())
        assert not client.accepts(second), "the floor: fetched a moment ago"
        app.clock.advance(REFETCH_SECONDS)
        assert client.accepts(second)
        assert len(server.at("/jwks")) == 2
        server.answers["/jwks"] = (500, {}, b"")
        app.clock.advance(REFETCH_SECONDS * 10)
        assert client.accepts(first) and client.accepts(second), "its server is down, its keys go on"


def test_a_jwks_uri_that_leads_inside_is_never_fetched_and_is_audited(issuer: App) -> None:
    client = garden(issuer, jwks_uri="https://169.254.169.254/latest/meta-data/")
    assert not client.accepts()
    events = issuer.provider.realm.store.read(lambda tx: tx.audit.page(b"", 10_000))
    refused = [event for event in events if event.kind == "fetch.refused"]
    assert [(event.subject, event.details) for event in refused] == [("169.254.169.254", (("reason", "not_global"),))]


@pytest.mark.parametrize(("registered", "other"), [("EdDSA", "Ed25519"), ("Ed25519", "EdDSA")])
def test_the_registered_name_of_one_algorithm_is_the_one_that_is_taken(
    issuer: App, registered: str, other: str
) -> None:
    """row 52: RFC 9864, section 2.2: two names, one algorithm; an app that registered one does not use the other."""
    client = garden(issuer, *KEYS.values(), token_endpoint_auth_signing_alg=registered)
    assert client.accepts(KEYS[registered])
    assert not client.accepts(KEYS[other])


def test_metadata_names_the_method_and_its_algorithms(issuer: App) -> None:
    metadata = issuer.json("/.well-known/openid-configuration")
    for endpoint in ("token", "introspection", "revocation"):
        assert "private_key_jwt" in metadata[f"{endpoint}_endpoint_auth_methods_supported"]
        algorithms = metadata[f"{endpoint}_endpoint_auth_signing_alg_values_supported"]
        assert algorithms == ["RS256", "ES256", "EdDSA", "Ed25519"]
    assert "none" not in metadata["introspection_endpoint_auth_methods_supported"]


def _fresh(client: Garden) -> str:
    return KEY.sign(client.claims())


def _jti(assertion: str) -> str:
    payload = assertion.split(".")[1]
    return str(json.loads(urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))["jti"])


def _redeem(client: Garden, person: Person, assertion: str) -> TestResponse:
    form = {
        "grant_type": "authorization_code",
        "code": client.party.code(person),
        "redirect_uri": client.party.callback,
        "code_verifier": "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk",
    }
    return client.app.send("POST", "/token", assertion_form(assertion, **form))


def _race(clients: list[Garden], assertion: str) -> list[bool]:
    barrier, results = threading.Barrier(len(clients)), []

    def run(client: Garden) -> None:
        barrier.wait()
        results.append(client.accepted(assertion))

    threads = [threading.Thread(target=run, args=(client,)) for client in clients]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    return results
