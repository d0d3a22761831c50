"""Parameters of an authorization request, one by one (RFC 6749, section 3.1; OIDC Core, section 3.1.2.1)."""

from urllib.parse import urlencode, urlsplit

import pytest

from tests.app import App
from tests.assertion_client import AssertionKey, key_set
from tests.relying_party import CHALLENGE, RelyingParty
from tests.web.visitor import forms_of, returned

HINTS = {
    "login_hint": "someone@example.com",
    "display": "popup",
    "ui_locales": "fr-CA fr xx zh-Hans",
    "claims_locales": "de",
    "acr_values": "urn:mace:incommon:iap:silver standard",
}


@pytest.fixture(scope="module")
def party(app: App) -> RelyingParty:
    """An app without special wishes."""
    return app.register_client()


def test_get_and_post_have_the_same_result(app: App, party: RelyingParty) -> None:
    """row 10: OIDC Core, section 3.1.2.1."""
    for changes in ({}, {"prompt": "none"}, {"scope": "email"}, {"redirect_uri": "https://evil.example/"}):
        got, posted = app.browser(), app.browser()
        by_get, by_post = party.ask(got, **changes), posted.post("/authorize", party.parameters(**changes))
        assert by_get.status_code == by_post.status_code
        if by_get.status_code == 303:
            (where, _, got_query), (there, _, post_query) = (a.location.partition("?") for a in (by_get, by_post))
            assert where == there
            # The way to sign-in is sealed anew each time, an answer to the app is not.
            assert where == "/sign-in" or got_query == post_query
    person = app.person()
    answer = person.browser.post("/authorize", party.parameters())
    code = returned(person.browser.complete(answer, person.username))["code"]
    assert party.exchange(code).status_code == 200


def test_unknown_parameters_are_ignored(app: App, party: RelyingParty) -> None:
    """row 11: RFC 6749, section 3.1."""
    tokens = party.tokens(app.person(), foo="bar", csrf="x", lang="zh-Hans", username="x", manifest="9")
    assert tokens["scope"] == "openid age"


def test_empty_parameters_count_as_absent(app: App, party: RelyingParty) -> None:
    """row 11: RFC 6749, section 3.1: optional ones do no harm, required ones are missing, also twice."""
    empty = ("nonce", "prompt", "max_age", "claims", "id_token_hint", "request", "request_uri", "registration",
             "response_mode", "resource", "dpop_jkt", "acr_values", "display")  # fmt: skip
    tokens = party.tokens(app.person(), **dict.fromkeys(empty, ""))
    assert "nonce" not in app.verified(tokens["id_token"])[1]
    assert party.refused(app.browser(), response_type="") == "invalid_request"
    assert party.refused(app.browser(), code_challenge="", code_challenge_method="") == "invalid_request"
    assert app.browser().get(party.authorize_url(redirect_uri="")).status_code == 400
    answer = app.browser().get(f"{party.authorize_url(prompt='none')}&foo=&foo=")
    assert returned(answer)["error"] == "login_required"


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_every_parameter_doubled_is_refused(app: App, party: RelyingParty, method: str) -> None:
    """row 12: RFC 6749, section 3.1; threats A31: known or not, same value or another; never two answers of one."""
    sample = party.parameters(
        **HINTS, prompt="none", max_age="100", response_mode="query", claims="{}", resource="https://api.example/",
        id_token_hint="a.b.c", request="a.b.c", request_uri="https://app.example/r", registration="{}",
        dpop_jkt="A" * 43, anything="x",
    )  # fmt: skip
    for name, value in sample.items():
        for second in (value, value + "x"):
            pairs = [*party.parameters(**{"prompt": "none", name: value}).items(), (name, second)]
            browser = app.browser()
            body = urlencode(pairs)
            answer = browser.get(f"/authorize?{body}") if method == "GET" else browser.post("/authorize", pairs)
            if answer.status_code == 400:
                assert name in ("client_id", "redirect_uri", "request_uri"), name
                assert "Location" not in answer.headers
            else:
                assert returned(answer)["error"] == "invalid_request", name
                assert returned(answer)["error_description"] == "a parameter is repeated"
                assert answer.location.startswith(party.callback)


@pytest.mark.parametrize("name", ["decision", "request", "manifest", "csrf", "anything"])
def test_every_field_of_the_consent_form_doubled_is_refused(app: App, party: RelyingParty, name: str) -> None:
    """row 12: RFC 6749, section 3.1: on the form where the person agrees, too; nothing is granted."""
    person = app.signed_in()
    page = person.browser.follow(party.ask(person.browser))
    form = forms_of(page)[0]
    fields = [*form.fields.items(), ("decision", "allow"), ("anything", "x")]
    twice = [*fields, (name, dict(fields)[name])]
    answer = person.browser.post(form.action, twice)
    assert answer.status_code in (400, 403)
    assert "Location" not in answer.headers
    assert returned(party.ask(person.browser, prompt="none"))["error"] == "consent_required"
    assert "code" in returned(person.browser.post(form.action, fields))


def test_redirect_uri_is_required_even_where_only_one_is_registered(app: App, party: RelyingParty) -> None:
    """row 15: OIDC Core, section 3.1.2.1: with and without the openid scope."""
    for scope in ("openid", "age"):
        answer = party.ask(app.browser(), redirect_uri=None, scope=scope)
        assert answer.status_code == 400
        assert "Location" not in answer.headers


@pytest.mark.parametrize(
    ("response_type", "error"),
    [
        (None, "invalid_request"),
        ("token", "unsupported_response_type"),
        ("code token", "unsupported_response_type"),
        ("code code", "unsupported_response_type"),
        ("Code", "unsupported_response_type"),
        (" code", "unsupported_response_type"),
        ("none", "unsupported_response_type"),
    ],
)
def test_response_type(app: App, party: RelyingParty, response_type: str | None, error: str) -> None:
    """row 16: RFC 6749, sections 3.1.1 and 4.1.2.1."""
    assert party.refused(app.browser(), response_type=response_type) == error


@pytest.mark.parametrize("scope", [None, "email", "profile phone", "OPENID", "openid\tage", "age_tokens"])
def test_nothing_left_of_the_scope_is_invalid_scope(app: App, party: RelyingParty, scope: str | None) -> None:
    """rows 17, 18: RFC 6749, section 4.1.2.1: `age_tokens` exists, but this app may not ask for it."""
    assert party.refused(app.browser(), scope=scope) == "invalid_scope"


def test_unknown_scopes_are_dropped_and_the_rest_is_granted(app: App, party: RelyingParty) -> None:
    """row 18: RFC 6749, section 3.3: many libraries ask for `profile` and `email` by default."""
    assert party.tokens(app.person(), scope="openid profile email")["scope"] == "openid"
    assert party.tokens(app.person(), scope="age openid age bogus")["scope"] == "openid age"


@pytest.mark.parametrize(
    "state", ["a", "é中文🔑", "a b+c%20d&e=f#g?h/i", "\"'<>\\`{}", "x" * 512, "~!*()", "%C3%A9", "\u202e", "a\tb\nc"]
)
def test_state_comes_back_byte_for_byte(app: App, party: RelyingParty, state: str) -> None:
    """row 19: RFC 6749, sections 4.1.2 and 4.1.2.1: in success and in errors."""
    person = app.signed_in()
    assert party.sign_in(person, state=state)["state"] == state
    for changes in ({"prompt": "none login"}, {"scope": "email"}, {"response_type": "token"}, {"request": "x"}):
        assert returned(party.ask(person.browser, state=state, **changes))["state"] == state
    assert party.sign_in(app.signed_in(), decision="deny", state=state)["state"] == state


def test_no_state_sent_none_returned(app: App, party: RelyingParty) -> None:
    """row 19: RFC 6749, section 4.1.2."""
    assert set(party.sign_in(app.person(), state=None)) == {"code", "iss"}
    assert "state" not in returned(party.ask(app.browser(), state=None, prompt="none"))


def test_state_longer_than_512_bytes_is_refused(app: App, party: RelyingParty) -> None:
    """row 19: what cannot be carried through the pages is refused at once, and not echoed in part."""
    answer = returned(party.ask(app.browser(), state="x" * 513))
    assert answer["error"] == "invalid_request" and "state" not in answer


def test_unsupported_prompt_is_invalid_request_and_the_supported_ones_are_published(
    app: App, party: RelyingParty
) -> None:
    """row 24: Initiating User Registration via OpenID Connect 1.0, section 4.1: to the app, which is proven by then."""
    document = app.json("/.well-known/openid-configuration")
    assert document["prompt_values_supported"] == ["none", "login", "consent", "select_account"]
    for prompt in ("create", "dance", "login create", "LOGIN", "none,login"):
        assert party.refused(app.browser(), prompt=prompt) == "invalid_request"


@pytest.mark.parametrize("name", HINTS)
def test_hints_cause_no_error(app: App, party: RelyingParty, name: str) -> None:
    """row 27: OIDC Core, section 15.1."""
    assert party.tokens(app.person(), **{name: HINTS[name]})["scope"] == "openid age"
    for value in ("x" * 1000, "é 中", "%", "\x7f"):
        answer = party.ask(app.browser(), **{name: value})
        assert urlsplit(answer.location).path == "/sign-in"


@pytest.mark.parametrize("name", ["request", "request_uri", "registration"])
def test_what_is_not_supported_says_so(app: App, party: RelyingParty, name: str) -> None:
    """row 31: OIDC Core, sections 6.1, 6.2 and 7.2.1: for an app with keys, too, unless the metadata state it."""
    document = app.json("/.well-known/openid-configuration")
    assert party.refused(app.browser(), **{name: "https://app.example/x"}) == f"{name}_not_supported"
    answer = app.register_client(jwks=key_set(AssertionKey())).ask(app.browser(), **{name: "https://app.example/x"})
    if document.get(f"{name}_parameter_supported", False):
        # Looked at and refused: nothing in such a request is proven, so it ends on a page.
        assert answer.status_code == 400
    else:
        assert returned(answer)["error"] == f"{name}_not_supported"


def test_public_client_needs_a_challenge_at_authorize(app: App) -> None:
    """row 39: OAuth 2.1, section 4.1.2.1; RFC 9700, section 2.1.1: not only at the token endpoint."""
    public = app.register_client(token_endpoint_auth_method="none")
    none = {"code_challenge": None, "code_challenge_method": None}
    assert public.refused(app.browser(), **none) == "invalid_request"
    assert public.refused(app.browser(), code_challenge=None) == "invalid_request"
    assert public.refused(app.browser(), prompt="none") == "login_required"


def test_confidential_client_needs_a_challenge_unless_it_opted_out(app: App, party: RelyingParty) -> None:
    """row 40: OAuth 2.1, sections 4.1.2.1 and 7.5.1.1; the opt-out is for clients that send a nonce."""
    none = {"code_challenge": None, "code_challenge_method": None}
    assert party.refused(app.browser(), **none) == "invalid_request"
    opted_out = app.register_client(require_pkce=False)
    code = opted_out.code(app.person(), **none)
    assert opted_out.exchange(code, code_verifier=None).status_code == 200
    assert opted_out.tokens(app.person())["scope"] == "openid age"
    with pytest.raises(Exception, match="PKCE"):
        app.register_client(require_pkce=False, token_endpoint_auth_method="none")


@pytest.mark.parametrize(
    ("challenge", "method"),
    [
        (CHALLENGE, None),
        (CHALLENGE, "plain"),
        (CHALLENGE, "s256"),
        (CHALLENGE, "S512"),
        (CHALLENGE[:-1], "S256"),
        (CHALLENGE + "x", "S256"),
        (CHALLENGE + "=", "S256"),
        ("é" * 43, "S256"),
        ("x" * 128, "S256"),
    ],
)
def test_only_s256_is_taken(app: App, party: RelyingParty, challenge: str, method: str | None) -> None:
    """row 41: RFC 7636, sections 4.3 and 7.2; RFC 9700, section 2.1.1: no method would mean plain."""
    for one in (party, app.register_client(require_pkce=False)):
        error = one.refused(app.browser(), code_challenge=challenge, code_challenge_method=method)
        assert error == "invalid_request"
