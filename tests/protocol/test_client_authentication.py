"""Client authentication by secret (RFC 6749, sections 2.3 and 5.2; OIDC Core, section 9)."""

from base64 import b64encode

import pytest

from idp.domain.client import ClientState
from tests.app import App
from tests.assertion_client import ASSERTION_TYPE
from tests.relying_party import RelyingParty, basic, error_of

PATHS = ("/token", "/revoke", "/introspect", "/par")
FORM = {"grant_type": "refresh_token", "refresh_token": "x", "token": "x"}


@pytest.fixture(scope="module")
def party(app: App) -> RelyingParty:
    """A client of client_secret_basic."""
    return app.register_client()


def test_exactly_the_registered_method_is_accepted(app: App) -> None:
    """row 48: OIDC Core, section 9; Registration, section 2: the other methods fail with the right secret, too."""
    for method in ("client_secret_basic", "client_secret_post"):
        party = app.register_client(token_endpoint_auth_method=method)
        assert party.secret is not None
        in_header = app.send("POST", "/token", FORM, headers={"Authorization": basic(party.id, party.secret)})
        in_body = app.send("POST", "/token", {**FORM, "client_id": party.id, "client_secret": party.secret})
        without = app.send("POST", "/token", {**FORM, "client_id": party.id})
        let_in = {"client_secret_basic": in_header, "client_secret_post": in_body}[method]
        assert error_of(let_in) == "invalid_grant"
        for answer in (in_header, in_body, without):
            if answer is not let_in:
                assert error_of(answer, 401) == "invalid_client"


def test_public_client_shows_no_secret(app: App) -> None:
    """row 48: OIDC Core, section 9: `none` is a method as well; a secret is another one."""
    party = app.register_client(token_endpoint_auth_method="none")
    assert party.secret is None
    assert error_of(party.post("/token", FORM)) == "invalid_grant"
    assert error_of(party.post("/token", {**FORM, "client_secret": "x"}), 401) == "invalid_client"
    with_header = app.send("POST", "/token", FORM, headers={"Authorization": basic(party.id, "")})
    assert error_of(with_header, 401) == "invalid_client"


@pytest.mark.parametrize("path", PATHS)
def test_two_methods_in_one_request_are_invalid_request(app: App, party: RelyingParty, path: str) -> None:
    """row 48: RFC 6749, section 2.3."""
    secret = party.secret or ""
    header = {"Authorization": basic(party.id, secret)}
    for more in (
        {"client_secret": secret, "client_id": party.id},
        {"client_secret": "x"},
        {"client_assertion": "a.b.c", "client_assertion_type": ASSERTION_TYPE},
        {"client_id": "another"},
    ):
        assert error_of(app.send("POST", path, {**FORM, **more}, headers=header)) == "invalid_request"


def test_client_id_beside_basic_may_repeat_the_same_client(app: App, party: RelyingParty) -> None:
    """row 48: RFC 6749, section 3.2.1: naming oneself again is no second method."""
    assert error_of(party.post("/token", {**FORM, "client_id": party.id})) == "invalid_grant"


def test_basic_parts_are_form_decoded(app: App) -> None:
    """row 49: RFC 6749, section 2.3.1: percent and plus, in both halves."""
    party = app.register_client()
    assert party.secret is not None
    encoded = "".join(f"%{byte:02x}" for byte in party.id.encode()), "".join(f"%{b:02X}" for b in party.secret.encode())
    header = "Basic " + b64encode(":".join(encoded).encode()).decode()
    assert error_of(app.send("POST", "/token", FORM, headers={"Authorization": header})) == "invalid_grant"
    lower = {"Authorization": basic(party.id, party.secret).replace("Basic", "basic")}
    assert error_of(app.send("POST", "/token", FORM, headers=lower)) == "invalid_grant"


@pytest.mark.parametrize(
    "header",
    [
        "Basic",
        "Basic ",
        "Basic !!!!",
        "Basic YWJj",
        "Basic Og==",
        "Basic OmE=",
        "Basic \u00ff\u00fe",
        "Basic " + b64encode(b"\xff\xfe:\xff").decode(),
        "Basic " + b64encode(b"%FF:%FE").decode(),
        "Basic " + b64encode(b"%00:x").decode(),
        "Basic " + b64encode("é:sécret".encode()).decode(),
        "Basic " + b64encode("a:\U0001f511".encode()).decode(),
        "Basic " + "A" * 100_000,
        "Basic YTpi=",
        "Basic YTp\u200bi",
        "Bearer x",
        "Digest username=x",
        "",
        " ",
        ":",
    ],
)
def test_garbage_in_the_header_is_401_never_500(app: App, header: str) -> None:
    """row 49: RFC 6749, section 2.3.1."""
    sent = header.encode().decode("latin-1")
    answer = app.send("POST", "/token", FORM, headers={"Authorization": sent})
    assert error_of(answer, 401) == "invalid_client"
    assert answer.headers["WWW-Authenticate"].startswith("Basic ")


@pytest.mark.parametrize("secret", ["sécret", "\U0001f511", "\ud7ff", "\x7f", "x" * 100_000, "a b+c%"])
def test_strange_secrets_are_401_never_500(app: App, secret: str) -> None:
    """row 49: RFC 6749, section 2.3.1: a secret that is not ASCII or too long is merely wrong."""
    posted = app.register_client(token_endpoint_auth_method="client_secret_post")
    answer = app.send("POST", "/token", {**FORM, "client_id": posted.id, "client_secret": secret[:60_000]})
    assert error_of(answer, 401) == "invalid_client"
    headed = app.register_client()
    answer = app.send("POST", "/token", FORM, headers={"Authorization": basic(headed.id, secret)})
    assert error_of(answer, 401) == "invalid_client"


@pytest.mark.parametrize("path", PATHS)
def test_failed_basic_is_401_with_the_scheme_named(app: App, party: RelyingParty, path: str) -> None:
    """row 50: RFC 6749, section 5.2."""
    answer = app.send("POST", path, FORM, headers={"Authorization": basic(party.id, "wrong")})
    assert error_of(answer, 401) == "invalid_client"
    assert answer.headers["WWW-Authenticate"].startswith("Basic ")


def test_failure_without_the_header_names_no_scheme(app: App) -> None:
    """row 50: RFC 6749, section 5.2: the challenge answers the header only."""
    party = app.register_client(token_endpoint_auth_method="client_secret_post")
    answer = app.send("POST", "/token", {**FORM, "client_id": party.id, "client_secret": "wrong"})
    assert error_of(answer, 401) == "invalid_client"
    assert "WWW-Authenticate" not in answer.headers


def test_unknown_client_and_bad_secret_are_answered_alike(app: App, party: RelyingParty) -> None:
    """row 50: RFC 6749, section 5.2; threats A20: same status, headers and bytes, whoever it was."""
    suspended = app.register_client()
    app.provider.realm.store.write(lambda tx: tx.clients.set_state(suspended.id, ClientState.SUSPENDED))
    headed = [
        app.send("POST", "/token", FORM, headers={"Authorization": basic(client_id, "wrong")})
        for client_id in (party.id, "nobody", "x" * 600, suspended.id)
    ]
    posted = [
        app.send("POST", "/token", {**FORM, "client_id": client_id, "client_secret": "wrong"})
        for client_id in (app.register_client(token_endpoint_auth_method="client_secret_post").id, "nobody", party.id)
    ]
    for answers in (headed, posted):
        seen = {(a.status_code, a.data, tuple(sorted(a.headers.items()))) for a in answers}
        assert len(seen) == 1


def test_secret_in_the_body_beside_basic(app: App) -> None:
    """row 51: RFC 6749, section 2.3.1; OIDC Core, section 9: client_secret_post, the whole code flow."""
    party = app.register_client(token_endpoint_auth_method="client_secret_post")
    tokens = party.tokens(app.person())
    assert party.holds(tokens["access_token"])
    assert party.refresh(tokens["refresh_token"]).status_code == 200


def test_secrets_are_stored_as_a_digest_of_256_random_bits(app: App) -> None:
    """row 53: RFC 6749, section 10.1: what the database has does not let anybody in."""
    party = app.register_client()
    assert party.secret is not None and len(party.secret) == 43
    stored = app.provider.realm.store.read(lambda tx: tx.clients.get(party.id))
    assert stored is not None and stored.secret_hash is not None and len(stored.secret_hash) == 32
    assert party.secret not in str(stored)
    held = b"".join(file.read_bytes() for file in app.settings.data_dir.rglob("*") if file.is_file())
    assert stored.secret_hash in held
    assert party.secret.encode() not in held


def test_expired_secret_is_refused(app: App) -> None:
    """row 53: Registration, section 3.2: `client_secret_expires_at`."""
    party = app.register_client(secret_expires_at=app.clock.now() + 100)
    app.clock.advance(99)
    assert error_of(party.post("/token", FORM)) == "invalid_grant"
    app.clock.advance(1)
    assert error_of(party.post("/token", FORM), 401) == "invalid_client"
    unlimited = app.register_client()
    app.clock.advance(10**8)
    assert error_of(unlimited.post("/token", FORM)) == "invalid_grant"
