"""Two apps put together all they were ever sent about one person: nothing joins it (OIDC Core, sections 8 and 17.3).

What is public is found by a control: another person's journeys at other apps at the same times. What two apps have in
common beyond that would come from the person.
"""

import secrets
from base64 import b64encode, urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass

import pytest

from tests.app import ADULT, App, Person
from tests.received import Received, in_common
from tests.relying_party import RelyingParty, success
from tests.web.visitor import returned

SIGNED = "application/token-introspection+jwt"
AUTH_TIME = '{"id_token":{"auth_time":null}}'
CLAIMS = '{"id_token":{"age_over_18":null,"age_assurance":null},"userinfo":{"age_thresholds":null}}'


@dataclass
class Journey:
    """One app's whole dealings with one person."""

    party: RelyingParty
    person: Person
    received: Received
    id_token: str = ""

    def take(self) -> None:
        """Sign-in by both ways, tokens of every kind, refusals; everything that comes back."""
        self._use(self._code())
        self._use(self._code(claims=CLAIMS, acr_values="standard", resource=self.party.client.resources[0]))
        self._prove()
        self._be_refused()

    def leave(self) -> None:
        """Sign the person out from the app."""
        callback = self.party.client.post_logout_redirect_uris[0]
        query = f"id_token_hint={self.id_token}&post_logout_redirect_uri={callback}&state={secrets.token_hex(8)}"
        answer = self.person.browser.get(f"/logout?{query}")
        assert answer.location.startswith(callback)
        self.received.redirect(answer.location)

    def _code(self, **changes: str) -> str:
        browser = self.person.browser
        answer = self.party.ask(browser, state=secrets.token_hex(16), nonce=secrets.token_hex(16), **changes)
        answer = browser.complete(answer, self.person.username)
        self.received.redirect(answer.location)
        return returned(answer)["code"]

    def _use(self, code: str) -> None:
        party, keep = self.party, self.received.answer
        tokens = success(keep(party.exchange(code)))
        self.id_token = tokens["id_token"]
        keep(party.userinfo(tokens["access_token"]))
        keep(party.introspect(tokens["access_token"]))
        keep(party.introspect(tokens["refresh_token"]))
        keep(party.introspect(tokens["access_token"], headers={"Accept": SIGNED}))
        keep(party.refresh(tokens["refresh_token"]))
        keep(party.revoke(tokens["refresh_token"]))

    def _prove(self) -> None:
        bound = self.party.with_dpop()
        tokens = success(self.received.answer(bound.exchange(self._code())))
        self.received.answer(bound.userinfo(tokens["access_token"]))

    def _be_refused(self) -> None:
        browser, party = self.person.browser, self.party
        for changes in ({"prompt": "none", "scope": "email"}, {"id_token_hint": "a.b.c"}, {"prompt": "dance"}):
            self.received.redirect(party.ask(browser, state=secrets.token_hex(16), **changes).location)
        self.received.answer(party.exchange("x"))
        self.received.answer(party.userinfo("x"))
        self.received.answer(party.exchange(self._code(), code_verifier="x" * 43))


@pytest.fixture(scope="module")
def journeys(app: App) -> list[Journey]:
    """One person at two apps, and as a control another person at two others, at the same times."""
    person, control = app.signed_in(), app.person()
    app.clock.advance(411)
    assert control.browser.sign_in(control.username).status_code == 303
    taken = [_journey(app, who, letter) for who, letter in zip((person, control) * 2, "wxyz", strict=True)]
    for one, two in (taken[:2], taken[2:]):
        app.clock.advance(1234)
        one.take()
        two.take()
    for one, two in (taken[:2], taken[2:]):
        app.clock.advance(1234)
        one.leave()
        two.leave()
    return taken


def _journey(app: App, person: Person, letter: str) -> Journey:
    # What an app chose itself is no news to it: hosts without a letter in common.
    host = f"{letter * 6}.example"
    party = app.register_client(
        redirect_uris=(f"https://{host}/callback",), post_logout_redirect_uris=(f"https://{host}/out",),
        resources=(f"https://api.{host}/",), userinfo_signed_response_alg="ES256",
        backchannel_logout_session_required=True, backchannel_logout_uri=f"https://{host}/bcl",
    )  # fmt: skip
    return Journey(party, person, Received())


def test_two_apps_have_no_value_in_common_that_comes_from_the_person(journeys: list[Journey]) -> None:
    """row 114: no run of more than eight bytes, in any artefact, raw or decoded."""
    here, control, there, second_control = (journey.received for journey in journeys)
    assert len(here.values) > 300
    assert in_common(here, there, control, second_control) == set()


def test_two_apps_see_one_session_at_times_that_do_not_match(app: App) -> None:
    """row 114: of eight sessions, seen by two apps through every token, hardly one shows both the same second."""
    one, two = app.register_client(), app.register_client()
    same = 0
    for _ in range(8):
        person = app.signed_in()
        seen = []
        for party in (one, two):
            app.clock.advance(1234)
            received = Received()
            tokens = success(received.answer(party.exchange(party.code(person, claims=AUTH_TIME))))
            for name in ("access_token", "refresh_token"):
                received.answer(party.introspect(tokens[name]))
            seen.append(received.times)
        assert all(len(times) > 4 for times in seen)
        same += bool(seen[0] & seen[1])
    # One pair in sixty agrees by chance: four of eight once in 190,000 runs.
    assert same < 4


def test_last_five_minutes_of_a_session_do_not_show_its_end(app: App) -> None:
    """row 114: a token that is cut off by the end of the session does not tell the second of it either."""
    parties, ends = [app.register_client() for _ in range(12)], set()
    person = app.signed_in()
    app.clock.advance(12 * 3600 - 200)
    for party in parties:
        ends.add(app.clock.now() + party.tokens(person)["expires_in"])
        app.clock.advance(1)
    assert len(ends) > 1


def test_the_comparison_would_see_a_common_value(journeys: list[Journey]) -> None:
    """row 114: the scan is worth something: nine planted bytes are found, as text and inside a token."""
    here, control, there, second_control = (journey.received for journey in journeys)
    for planted in (("planted-9", "planted-9"), _both(b"\x00\x01\xfenine-bytes")):
        one, two = Received(list(here.values)), Received(list(there.values))
        one.redirect(f"https://a.example/?x={planted[0]}")
        two.redirect(f"https://b.example/?y={planted[1]}")
        assert in_common(one, two, control, second_control)


def test_nothing_of_the_account_or_session_is_in_any_artefact(app: App, journeys: list[Journey]) -> None:
    """row 114: ids, name, salt, birth date, session: in no spelling."""
    person = journeys[0].person
    account, cookie = person.account, person.browser.cookie("browser")
    assert cookie is not None
    sessions = app.provider.realm.store.read(lambda tx: tx.sessions.of_account(account.id))
    inside = [account.id, account.salt, account.username_index, account.username.encode(), *(s.id for s in sessions)]
    inside += [session.sid_seed for session in sessions]
    inside += [ADULT.encode(), ADULT.replace("-", "").encode(), cookie.encode(), urlsafe_b64decode(cookie + "==")]
    assert len(inside) > 8
    for secret in inside:
        for spelling in (secret, secret.hex().encode(), urlsafe_b64encode(secret).rstrip(b"="), b64encode(secret)):
            assert not any(journey.received.holds(spelling) for journey in journeys)


def _both(value: bytes) -> tuple[str, str]:
    """A value inside two sealed-looking tokens, at the same place."""
    one, two = (urlsafe_b64encode(secrets.token_bytes(12) + value + secrets.token_bytes(12)) for _ in range(2))
    return one.decode().rstrip("="), two.decode().rstrip("=")
