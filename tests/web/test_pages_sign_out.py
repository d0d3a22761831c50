"""`/logout`: who is asked, who is not, and what another site cannot do (RP-Initiated Logout 1.0; threats A12, A29)."""

from urllib.parse import urlencode

import pytest

from crypto.pairwise import pairwise_subject
from idp.domain.account import Account
from idp.domain.client import Client
from tests.web.conftest import Pages
from tests.web.visitor import forms_of

BACK = "https://app.example/signed-out"


@pytest.fixture(scope="module")
def client(pages: Pages) -> Client:
    return pages.app_client(post_logout_redirect_uris=(BACK,))


def _request(pages: Pages, client: Client, person: Account, **changes: str) -> dict[str, str]:
    """A logout request of an app, with an ID token of this person."""
    provider = pages.provider
    subject = pairwise_subject(provider.realm.keys.pairwise, provider.issuer, client.sector, person.salt)
    now = provider.now()
    claims = {"iss": provider.issuer, "sub": subject, "aud": client.id, "iat": now, "exp": now + 1}
    hint = provider.keys.signer("RS256").sign(claims)
    return {"id_token_hint": hint, "post_logout_redirect_uri": BACK, "state": "s-1", **changes}


def test_a_hint_that_means_the_person_signs_out_and_goes_back(pages: Pages, client: Client) -> None:
    person = pages.person()
    visitor = pages.signed_in(person)
    answer = visitor.get("/logout?" + urlencode(_request(pages, client, person)))
    assert (answer.status_code, answer.location) == (303, f"{BACK}?state=s-1")
    assert visitor.cookie("session") is None
    assert visitor.get("/account").location == "/sign-in"


def test_a_hint_that_means_somebody_else_asks_and_its_form_may_end_at_the_app(pages: Pages, client: Client) -> None:
    visitor = pages.signed_in(pages.person())
    page = visitor.get("/logout?" + urlencode(_request(pages, client, pages.person())))
    assert page.status_code == 200
    assert "form-action 'self' https://app.example;" in page.headers["Content-Security-Policy"]
    assert visitor.get("/account").status_code == 200
    answer = visitor.submit(page)
    assert (answer.status_code, answer.location) == (303, f"{BACK}?state=s-1")
    assert visitor.get("/account").location == "/sign-in"


def test_without_a_hint_the_person_is_asked(pages: Pages) -> None:
    visitor = pages.signed_in(pages.person())
    page = visitor.get("/logout")
    assert forms_of(page)[0].action == "/logout/confirm"
    assert visitor.get("/account").status_code == 200
    assert visitor.submit(page).status_code == 200
    assert visitor.get("/account").location == "/sign-in"


@pytest.mark.parametrize("uri", ["https://evil.example/", BACK + "/", "https://app.example/callback"])
def test_an_address_that_is_not_registered_for_it_is_a_page(pages: Pages, client: Client, uri: str) -> None:
    person = pages.person()
    visitor = pages.signed_in(person)
    asked = _request(pages, client, person, post_logout_redirect_uri=uri)
    answer = visitor.get("/logout?" + urlencode(asked))
    assert answer.status_code == 400
    assert "Location" not in answer.headers
    assert visitor.get("/account").status_code == 200


def test_a_post_from_another_site_is_asked_again_by_get(pages: Pages, client: Client) -> None:
    """Its cookies were withheld: nothing is known of who is signed in, and nothing may be cleared."""
    person = pages.person()
    asked = _request(pages, client, person)
    withheld = pages.visitor().post("/logout", asked, Sec_Fetch_Site="cross-site")
    assert withheld.status_code == 303
    assert withheld.location == "/logout?" + urlencode(asked)
    assert "Set-Cookie" not in withheld.headers
    assert pages.signed_in(person).get(withheld.location).location == f"{BACK}?state=s-1"


def test_an_answer_to_a_browser_that_sent_no_session_clears_none(pages: Pages) -> None:
    answer = pages.visitor().post("/logout", {})
    assert answer.status_code == 200
    assert not any("session" in cookie for cookie in answer.headers.getlist("Set-Cookie"))
