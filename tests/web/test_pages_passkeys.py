"""Passkeys: added, used, refused, removed (W3C Web Authentication, level 3, sections 7.1 and 7.2)."""

import secrets
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

import pytest
from werkzeug.test import TestResponse

from idp.domain.account import Account, AccountState
from idp.domain.app_message import Initiator
from idp.domain.audit_event import AuditKind
from idp.domain.passkey import PASSKEYS_PER_ACCOUNT
from idp.services.accounts import delete_account
from idp.services.passkeys import CEREMONY_SECONDS, relying_party_id
from idp.services.sign_in import current_session
from idp.web.cookies import read_secret
from idp.web.pages.application import create_pages
from idp.web.rate_limit import SIGN_INS, RateLimits
from tests.web.authenticator import PRESENT, VERIFIED, Authenticator
from tests.web.conftest import Pages, authorize_url
from tests.web.visitor import PASSWORD, Form, Visitor, forms_of, returned

ORIGIN, HOST = "https://id.example", "id.example"


def _form(page: TestResponse, action: str) -> Form:
    return next(form for form in forms_of(page) if form.action == action)


def _add(visitor: Visitor, device: Authenticator, password: str = PASSWORD) -> TestResponse:
    form = _form(visitor.get("/account/passkeys"), "/account/passkeys")
    begun = visitor.get("/account/passkeys/options").json
    assert begun is not None
    answered = {"ceremony": begun["ceremony"], "credential": device.create(begun["options"])}
    return visitor.post(form.action, {**form.fields, **answered, "current_password": password})


def _answered(visitor: Visitor, device: Authenticator) -> dict[str, str]:
    form = _form(visitor.get("/sign-in?other=1"), "/sign-in/passkey")
    begun = visitor.get("/sign-in/passkey").json
    assert begun is not None
    return {**form.fields, "ceremony": begun["ceremony"], "credential": device.get(begun["options"])}


def _sign_in(visitor: Visitor, device: Authenticator) -> TestResponse:
    return visitor.post("/sign-in/passkey", _answered(visitor, device))


def _refused(answer: TestResponse) -> bool:
    return answer.status_code == 303 and "done=passkey_refused" in answer.location


def _enrolled(pages: Pages, **device: object) -> tuple[Account, Authenticator]:
    person = pages.person()
    authenticator = Authenticator(ORIGIN, HOST, **device)  # type: ignore[arg-type]  # A dataclass by keywords.
    assert _add(pages.signed_in(person), authenticator).location == "/account/passkeys?done=added"
    return person, authenticator


def _kinds(pages: Pages, account: Account) -> list[AuditKind]:
    return [event.kind for event in pages.provider.realm.store.read(lambda tx: tx.audit.of_account(account.id))]


@pytest.fixture
def site(https_pages: Pages) -> Pages:
    return https_pages


@pytest.mark.parametrize("counting", [True, False])
def test_a_person_adds_a_passkey_and_signs_in_with_it(site: Pages, counting: bool) -> None:
    person, device = _enrolled(site, counting=counting)
    assert AuditKind.PASSKEY_ADDED in _kinds(site, person)
    for _ in range(2):
        visitor = site.visitor()
        answer = _sign_in(visitor, device)
        assert (answer.status_code, answer.location) == (303, "/account")
        assert person.username in visitor.get("/account").text
        session = current_session(site.provider.realm, read_secret({"s": visitor.cookie("session") or ""}, "s"))
        assert session is not None
        assert session.amr == ("pop", "user")
    assert "Passkeys you can sign in with: 1" in visitor.get("/account").text


def test_options_ask_for_a_discoverable_verified_passkey_and_name_nobody(site: Pages) -> None:
    person, device = _enrolled(site)
    visitor = site.signed_in(person)
    made = visitor.get("/account/passkeys/options").json["options"]
    assert made["rp"]["id"] == HOST
    assert made["authenticatorSelection"]["residentKey"] == "required"
    assert made["authenticatorSelection"]["userVerification"] == "required"
    assert made["attestation"] == "none"
    assert len(made["excludeCredentials"]) == 1, "one device makes one passkey for one account"
    answer = site.visitor().get("/sign-in/passkey")
    asked = answer.json["options"]
    assert answer.headers["Cache-Control"] == "no-store"
    assert asked["userVerification"] == "required"
    assert asked["rpId"] == HOST
    assert not asked.get("allowCredentials")
    assert asked["challenge"] != site.visitor().get("/sign-in/passkey").json["options"]["challenge"]


def test_all_passkeys_of_an_account_share_one_random_user_handle(site: Pages) -> None:
    person, first = _enrolled(site)
    second = Authenticator(ORIGIN, HOST)
    _add(site.signed_in(person), second)
    _, other = _enrolled(site)
    assert first.user_handle == second.user_handle != other.user_handle
    assert len(first.user_handle) == 32
    assert person.id not in first.user_handle


def _other_origin(device: Authenticator) -> None:
    device.origin = "https://id.example.evil"


def _other_rp(device: Authenticator) -> None:
    device.rp_id = "evil.example"


def _not_verified(device: Authenticator) -> None:
    device.flags = PRESENT


def _not_present(device: Authenticator) -> None:
    device.flags = VERIFIED


def _other_key(device: Authenticator) -> None:
    device.key = Authenticator(ORIGIN, HOST).key


def _other_person(device: Authenticator) -> None:
    device.user_handle = secrets.token_bytes(32)


def _nobody(device: Authenticator) -> None:
    device.user_handle = b""


def _unknown(device: Authenticator) -> None:
    device.credential_id = secrets.token_bytes(32)


def _counted_back(device: Authenticator) -> None:
    device.sign_count -= 1


@pytest.mark.parametrize(
    "spoil",
    [
        _other_origin, _other_rp, _not_verified, _not_present, _other_key, _other_person, _nobody, _unknown,
        _counted_back,
    ],
)
def test_a_wrong_answer_signs_nobody_in(site: Pages, spoil: Callable[[Authenticator], None]) -> None:
    _, device = _enrolled(site)
    assert _sign_in(site.visitor(), device).location == "/account"
    spoil(device)
    visitor = site.visitor()
    answer = _sign_in(visitor, device)
    assert _refused(answer)
    assert visitor.cookie("session") is None
    assert "could not be used" in visitor.get(answer.location).text


@pytest.mark.parametrize("spoil", [_other_origin, _other_rp, _not_verified, _not_present])
def test_a_wrong_new_passkey_is_not_kept(site: Pages, spoil: Callable[[Authenticator], None]) -> None:
    person, device = site.person(), Authenticator(ORIGIN, HOST)
    spoil(device)
    answer = _add(site.signed_in(person), device)
    assert answer.status_code == 400
    assert "could not be checked" in answer.text
    assert site.provider.realm.store.read(lambda tx: tx.passkeys.of_account(person.id)) == []


def test_adding_needs_the_password(site: Pages) -> None:
    person = site.person()
    visitor = site.signed_in(person)
    for password in ("not the password", ""):
        assert _add(visitor, Authenticator(ORIGIN, HOST), password).status_code == 400
    assert site.provider.realm.store.read(lambda tx: tx.passkeys.of_account(person.id)) == []


def test_an_answer_works_once(site: Pages) -> None:
    _, device = _enrolled(site, counting=False)
    visitor = site.visitor()
    answered = _answered(visitor, device)
    assert visitor.post("/sign-in/passkey", answered).location == "/account"
    assert _refused(visitor.post("/sign-in/passkey", answered))


def test_one_answer_signs_in_once_for_eight_who_race(site: Pages) -> None:
    _, device = _enrolled(site, counting=False)
    visitor = site.visitor()
    answered = _answered(visitor, device)
    cookie = visitor.cookie("browser") or ""
    start = threading.Barrier(8)

    def attempt(_: int) -> bool:
        racer = site.visitor()
        racer.client.set_cookie("__Host-blindage_browser", cookie, domain=HOST, secure=True)
        start.wait(20)
        return racer.post("/sign-in/passkey", answered).location == "/account"

    with ThreadPoolExecutor(8) as threads:
        assert list(threads.map(attempt, range(8))).count(True) == 1


def test_an_answer_belongs_to_its_browser_its_purpose_and_ten_minutes(site: Pages) -> None:
    person, device = _enrolled(site)
    mine, other = site.visitor(), site.visitor()
    answered = _answered(mine, device)
    own_token = _form(other.get("/sign-in"), "/sign-in/passkey").fields["csrf"]
    assert _refused(other.post("/sign-in/passkey", {**answered, "csrf": own_token}))
    signed_in = site.signed_in(person)
    begun = signed_in.get("/account/passkeys/options").json
    form = _form(signed_in.get("/sign-in?other=1"), "/sign-in/passkey")
    crossed = {**form.fields, "ceremony": begun["ceremony"], "credential": device.get(begun["options"])}
    assert _refused(signed_in.post("/sign-in/passkey", crossed))
    answered = _answered(mine, device)
    site.clock.advance(CEREMONY_SECONDS)
    assert _refused(mine.post("/sign-in/passkey", answered))


@pytest.mark.parametrize(
    "credential",
    ["", "{}", "[]", "null", "x" * 5000, '{"id":"a","rawId":"a","type":"public-key","response":{}}', "[" * 5000,
     '{"id":1,"rawId":2,"type":3,"response":4}',
     '{"id":"\u00e9","rawId":"\u00e9","response":{"clientDataJSON":"e30"}}'],
)  # fmt: skip
def test_hostile_answers_are_refused(site: Pages, credential: str) -> None:
    person, device = _enrolled(site)
    visitor = site.visitor()
    for ceremony in (None, "", "x", "A" * 400):
        answered = {**_answered(visitor, device), "credential": credential}
        if ceremony is not None:
            answered["ceremony"] = ceremony
        assert _refused(visitor.post("/sign-in/passkey", answered))
    signed_in = site.signed_in(person)
    form = _form(signed_in.get("/account/passkeys"), "/account/passkeys")
    begun = signed_in.get("/account/passkeys/options").json
    answered = {"ceremony": begun["ceremony"], "credential": credential, "current_password": PASSWORD}
    assert signed_in.post(form.action, {**form.fields, **answered}).status_code == 400


def test_a_locked_account_is_not_signed_in_and_is_answered_as_an_unknown_one(site: Pages) -> None:
    person, device = _enrolled(site)
    site.provider.realm.store.write(lambda tx: tx.accounts.set_state(person.id, AccountState.LOCKED))
    locked = _sign_in(site.visitor(), device)
    device.credential_id = secrets.token_bytes(32)
    unknown = _sign_in(site.visitor(), device)
    assert _refused(locked)
    assert (locked.data, list(locked.headers)) == (unknown.data, list(unknown.headers))


def test_a_passkey_is_removed_by_its_owner_alone(site: Pages) -> None:
    person, device = _enrolled(site)
    stranger, own_device = _enrolled(site)
    mine, theirs = site.signed_in(person), site.signed_in(stranger)
    form = _form(mine.get("/account/passkeys"), "/account/passkeys/remove")
    other = _form(theirs.get("/account/passkeys"), "/account/passkeys/remove")
    theirs.post(other.action, {**other.fields, "passkey": form.fields["passkey"]})
    assert _sign_in(site.visitor(), device).location == "/account"
    assert mine.post(form.action, {**form.fields, "passkey": "zz"}).status_code == 400
    assert mine.post(form.action, form.fields).location == "/account/passkeys?done=removed"
    assert _refused(_sign_in(site.visitor(), device))
    assert _sign_in(site.visitor(), own_device).location == "/account"
    assert AuditKind.PASSKEY_REMOVED in _kinds(site, person)
    assert AuditKind.PASSKEY_REMOVED not in _kinds(site, stranger)


def test_one_credential_belongs_to_one_account(site: Pages) -> None:
    _, device = _enrolled(site)
    other = site.person()
    assert _add(site.signed_in(other), device).status_code == 400
    assert site.provider.realm.store.read(lambda tx: tx.passkeys.of_account(other.id)) == []


def test_an_account_has_ten_passkeys_at_most(site: Pages) -> None:
    person = site.person()
    visitor = site.signed_in(person)
    for _ in range(PASSKEYS_PER_ACCOUNT):
        assert _add(visitor, Authenticator(ORIGIN, HOST)).status_code == 303
    assert "as many passkeys" in _add(visitor, Authenticator(ORIGIN, HOST)).text
    assert len(site.provider.realm.store.read(lambda tx: tx.passkeys.of_account(person.id))) == PASSKEYS_PER_ACCOUNT


def test_passkeys_go_with_their_account(site: Pages) -> None:
    person, device = _enrolled(site)
    delete_account(site.provider.realm, person.username, Initiator.ADMIN)
    assert site.provider.realm.store.read(lambda tx: tx.passkeys.of_account(person.id)) == []
    assert _refused(_sign_in(site.visitor(), device))


def test_wrong_passkeys_are_limited_by_address(site: Pages) -> None:
    _, device = _enrolled(site)
    visitor = Visitor(create_pages(site.provider, RateLimits(site.clock, None)), site.provider.issuer)
    answered = {**_answered(visitor, device), "credential": "{}"}
    for _ in range(SIGN_INS.amount + 1):
        assert _refused(visitor.post("/sign-in/passkey", answered))
    assert _refused(_sign_in(visitor, device))
    assert _sign_in(site.visitor(), device).location == "/account"


def test_a_passkey_steps_up_when_an_app_asks_for_a_fresh_sign_in(site: Pages) -> None:
    """RFC 9470, section 4: the app asks with `max_age`; the session is new, and the app gets its code."""
    person, device = _enrolled(site)
    visitor, client = site.signed_in(person), site.app_client()
    page = visitor.follow(visitor.get(authorize_url(client)))
    assert "code" in returned(visitor.submit(page, {"decision": "allow"}))
    site.clock.advance(601)
    page = visitor.follow(visitor.get(authorize_url(client, max_age="600")))
    assert "prove once more" in page.text
    form = _form(page, "/sign-in/passkey")
    begun = visitor.get("/sign-in/passkey").json
    answered = {**form.fields, "ceremony": begun["ceremony"], "credential": device.get(begun["options"])}
    answer = visitor.post(form.action, answered)
    assert urlsplit(answer.location).hostname == "app.example"
    assert "code" in returned(answer)


def test_the_planted_session_ends_when_a_passkey_signs_in(site: Pages) -> None:
    _, device = _enrolled(site)
    attacker, victim = site.signed_in(site.person()), site.visitor()
    planted = attacker.cookie("session") or ""
    victim.client.set_cookie("__Host-blindage_session", planted, domain=HOST, secure=True)
    assert _sign_in(victim, device).location == "/account"
    assert victim.cookie("session") != planted
    assert attacker.get("/account").location == "/sign-in"


def test_only_pages_with_passkeys_run_our_script_and_under_trusted_types(site: Pages) -> None:
    person, _ = _enrolled(site)
    visitor = site.signed_in(person)
    for path, runs in (
        ("/sign-in?other=1", True), ("/account/passkeys", True), ("/account", False), ("/sign-up", False),
        ("/reset", False),
    ):  # fmt: skip
        page = visitor.get(path)
        policy = page.headers["Content-Security-Policy"].split("; ")
        assert ("<script" in page.text) is runs, path
        for directive in ("script-src 'self'", "require-trusted-types-for 'script'", "trusted-types 'none'"):
            assert (directive in policy) is runs, path
        assert "default-src 'none'" in policy


def test_without_a_session_there_is_nothing_to_add(site: Pages) -> None:
    visitor = site.visitor()
    assert visitor.get("/account/passkeys").location == "/sign-in"
    assert visitor.get("/account/passkeys/options").location == "/sign-in"


@pytest.mark.parametrize(
    ("issuer", "expected"),
    [
        ("https://id.example", "id.example"), ("https://id.example:8443/age", "id.example"),
        ("http://localhost:9000", "localhost"), ("http://127.0.0.1:9000", None), ("https://[2001:db8::1]", None),
    ],
)  # fmt: skip
def test_passkeys_belong_to_the_issuers_host(issuer: str, expected: str | None) -> None:
    assert relying_party_id(issuer) == expected


def test_an_issuer_at_an_address_offers_none(pages: Pages) -> None:
    page = pages.visitor().get("/sign-in")
    assert "passkey" not in page.text
    assert pages.visitor().get("/sign-in/passkey").status_code == 400
    assert "bare address" in pages.signed_in(pages.person()).get("/account/passkeys").text
