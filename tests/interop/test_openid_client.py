"""npm openid-client, unmodified, against a running issuer: the wire as the rest of the world speaks it."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.assertion_client import AssertionKey, key_set
from tests.interop.conversation import Conversation, callback_url
from tests.issuer import FormBrowser, Issuer, running_issuer
from tests.need import need

CALLBACK = "http://127.0.0.1:8999/callback"
SIGNED_OUT = "http://127.0.0.1:8999/signed-out"


@pytest.fixture(scope="module")
def issuer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Issuer]:
    need("node")
    with running_issuer(tmp_path_factory.mktemp("issuer") / "data") as running:
        yield running


@pytest.mark.parametrize("alg", ["RS256", "ES256", "EdDSA"])
def test_openid_client_signs_in_refreshes_introspects_revokes_and_signs_out(issuer: Issuer, alg: str) -> None:
    registered = issuer.register(CALLBACK, "--post-logout-redirect-uri", SIGNED_OUT, "--signing-alg", alg)
    person = issuer.person("grown-up", "1990-05-17")
    talk = Conversation(
        "code_flow.mjs", issuer.url, registered["client_id"], registered["client_secret"], CALLBACK, SIGNED_OUT
    )
    with FormBrowser(issuer.url) as browser:
        _converse(talk, browser, person)


def _converse(talk: Conversation, browser: FormBrowser, person: str) -> None:
    talk.say(callback_url(browser, talk.hear()["authorize"], person))
    signed_in = talk.hear()
    assert signed_in["claims"]["age_band"] == "adult"
    assert signed_in["userinfo"] == {"sub": signed_in["claims"]["sub"], "age_band": "adult"}
    assert len(signed_in["claims"]["sub"]) == 43
    later = talk.hear()
    assert later["refreshedSub"] == signed_in["claims"]["sub"]
    assert later["refreshedBand"] == "adult"
    assert later["active"]["active"] is True and later["active"]["sub"] == signed_in["claims"]["sub"]
    assert later["inactive"] == {"active": False}
    talk.finish()
    page = browser.get(later["logout"])
    assert page.is_redirect and page.headers["location"] == f"{SIGNED_OUT}?state=after+logout"


def test_openid_client_follows_fapi_2_with_par_dpop_and_private_key_jwt(issuer: Issuer, tmp_path: Path) -> None:
    key = AssertionKey("ES256")
    (tmp_path / "jwks.json").write_text(json.dumps(key_set(key)))
    registered = issuer.register(
        CALLBACK, "--fapi", "--auth-method", "private_key_jwt", "--signing-alg", "ES256",
        "--jwks", str(tmp_path / "jwks.json"), name="Bank",
    )  # fmt: skip
    assert registered["client_secret"] is None
    person = issuer.person("grown-up", "1990-05-17")
    talk = Conversation("fapi.mjs", issuer.url, registered["client_id"], CALLBACK)
    talk.say(json.dumps({**key.key.as_dict(private=True), "kid": key.kid}))
    with FormBrowser(issuer.url) as browser:
        authorize = talk.hear()["authorize"]
        talk.say(callback_url(browser, authorize, person))
        seen = talk.hear()
        talk.finish()
        # The pushed request was for one use.
        assert browser.get(authorize).status_code == 400
    assert seen["tokenType"] == "dpop"
    assert seen["claims"]["age_band"] == seen["userinfo"]["age_band"] == seen["again"]["age_band"] == "adult"


def test_openid_client_registers_itself_and_signs_in_with_par_and_dpop(issuer: Issuer) -> None:
    initial = issuer.run("client", "initial-access-token", "--registrar", "test registrar", "--json")
    person = issuer.person("grown-up", "1990-05-17")
    talk = Conversation("registration.mjs", issuer.url, initial["initial_access_token"], CALLBACK)
    with FormBrowser(issuer.url) as browser:
        begun = talk.hear()
        assert begun["registered"]["client_id"] and begun["registered"]["registration_access_token"]
        talk.say(callback_url(browser, begun["authorize"], person))
        seen = talk.hear()
        talk.finish()
    assert seen["tokenType"] == "dpop" and seen["claims"]["age_band"] == "adult"
