"""Passkeys of staff: a second factor after the password, never instead of it, and never a person's."""

import pytest
from werkzeug.test import TestResponse

from idp.domain.audit_event import AuditKind
from idp.services.staff import reset_staff_factor
from tests.web.authenticator import PRESENT, Authenticator
from tests.web.conftest import Pages
from tests.web.staff import Colleague, on_duty
from tests.web.visitor import PASSWORD, forms_of

ORIGIN, HOST = "https://id.example", "id.example"


@pytest.fixture
def site(https_pages: Pages) -> Pages:
    return https_pages


def enrolled(pages: Pages, **device: object) -> tuple[Colleague, Authenticator]:
    """A member with a passkey."""
    someone, authenticator = on_duty(pages), Authenticator(ORIGIN, HOST, **device)  # type: ignore[arg-type]
    assert _add(someone, authenticator).location == "/ops/passkeys?done=added"
    return someone, authenticator


def _add(someone: Colleague, device: Authenticator) -> TestResponse:
    form = someone.form("/ops/passkeys", "/ops/passkeys")
    begun = someone.visitor.get("/ops/passkeys/options").json
    assert begun is not None
    answered = {"ceremony": begun["ceremony"], "credential": device.create(begun["options"])}
    return someone.visitor.post("/ops/passkeys", {**form.fields, **answered})


def _answered(someone: Colleague, device: Authenticator) -> dict[str, str]:
    form = someone.form("/ops/factor", "/ops/factor/passkey")
    begun = someone.visitor.get("/ops/factor/passkey").json
    assert begun is not None
    return {**form.fields, "ceremony": begun["ceremony"], "credential": device.get(begun["options"])}


def _prove(someone: Colleague, device: Authenticator) -> TestResponse:
    return someone.visitor.post("/ops/factor/passkey", _answered(someone, device))


def test_a_passkey_stands_in_for_the_code(site: Pages) -> None:
    someone, device = enrolled(site)
    for _ in range(2):
        someone.visitor = site.visitor()
        someone.give_password()
        assert _prove(someone, device).location == "/ops"
        assert someone.visitor.get("/ops").status_code == 200
    events = site.provider.realm.store.read(lambda tx: tx.audit.page_before(None, 50))
    signed_in = [event.details for event in events if event.kind is AuditKind.STAFF_SIGNED_IN]
    assert signed_in.count((("by", "passkey"),)) == 2


def test_options_want_the_person_verified_and_name_the_members_own_keys(site: Pages) -> None:
    someone, device = enrolled(site)
    made = someone.visitor.get("/ops/passkeys/options").json["options"]
    assert made["authenticatorSelection"]["userVerification"] == "required"
    assert made["authenticatorSelection"]["residentKey"] == "discouraged"
    someone.give_password()
    asked = someone.visitor.get("/ops/factor/passkey").json["options"]
    assert asked["userVerification"] == "required"
    assert len(asked["allowCredentials"]) == 1
    assert device.credential_id


def _unverified(device: Authenticator) -> None:
    device.flags = PRESENT


def _elsewhere(device: Authenticator) -> None:
    device.origin = "https://id.example.evil"


def _back(device: Authenticator) -> None:
    device.sign_count -= 2


def _unknown(device: Authenticator) -> None:
    device.credential_id = bytes(32)


@pytest.mark.parametrize("spoil", [_unverified, _elsewhere, _back, _unknown])
def test_a_bad_answer_opens_nothing(site: Pages, spoil: object) -> None:
    someone, device = enrolled(site)
    someone.visitor = site.visitor()
    someone.give_password()
    _prove(someone, device)
    someone.visitor = site.visitor()
    someone.give_password()
    spoil(device)  # type: ignore[operator]
    assert _prove(someone, device).location == "/ops/factor?done=passkey_refused"
    assert someone.visitor.get("/ops").location == "/ops/factor"


def test_an_answer_works_once_and_in_its_own_session(site: Pages) -> None:
    someone, device = enrolled(site)
    someone.visitor = site.visitor()
    someone.give_password()
    answered = _answered(someone, device)
    other = Colleague(site, someone.member, site.visitor())
    other.give_password()
    stolen = {**answered, "csrf": other.token("/ops/factor/passkey")}
    assert other.visitor.post("/ops/factor/passkey", stolen).location == "/ops/factor?done=passkey_refused"
    assert someone.visitor.post("/ops/factor/passkey", answered).location == "/ops"
    someone.give_password()
    again = {**answered, "csrf": someone.token("/ops/factor/passkey")}
    assert someone.visitor.post("/ops/factor/passkey", again).location == "/ops/factor?done=passkey_refused"


def test_a_persons_passkey_and_a_members_do_not_stand_in_for_each_other(site: Pages) -> None:
    someone, device = enrolled(site)
    person = site.person()
    theirs, visitor = Authenticator(ORIGIN, HOST), site.signed_in(person)
    form = next(form for form in forms_of(visitor.get("/account/passkeys")) if form.action == "/account/passkeys")
    begun = visitor.get("/account/passkeys/options").json
    visitor.post("/account/passkeys", {
        **form.fields, "ceremony": begun["ceremony"], "credential": theirs.create(begun["options"]),
        "current_password": PASSWORD,
    })  # fmt: skip
    # The member's device at people's sign-in.
    stranger = site.visitor()
    form = next(form for form in forms_of(stranger.get("/sign-in")) if form.action == "/sign-in/passkey")
    begun = stranger.get("/sign-in/passkey").json
    sent = {**form.fields, "ceremony": begun["ceremony"], "credential": device.get(begun["options"])}
    assert "passkey_refused" in stranger.post("/sign-in/passkey", sent).location
    # The person's device, and a ceremony of people's sign-in, at the second factor.
    someone.visitor = site.visitor()
    someone.give_password()
    assert _prove(someone, theirs).location == "/ops/factor?done=passkey_refused"
    begun = someone.visitor.get("/sign-in/passkey").json
    sent = {
        "csrf": someone.token("/ops/factor/passkey"), "ceremony": begun["ceremony"],
        "credential": device.get(begun["options"]),
    }  # fmt: skip
    assert someone.visitor.post("/ops/factor/passkey", sent).location == "/ops/factor?done=passkey_refused"


def test_a_reset_takes_passkeys_away(site: Pages) -> None:
    someone, device = enrolled(site)
    reset_staff_factor(site.provider.realm, someone.name)
    someone.visitor = site.visitor()
    someone.give_password()
    assert someone.visitor.get("/ops/factor").location == "/ops/enrol"
    assert someone.visitor.get("/ops/factor/passkey").status_code == 400
    assert device.sign_count == 0


def test_a_passkey_is_removed_by_its_member(site: Pages) -> None:
    someone, device = enrolled(site)
    form = someone.form("/ops/passkeys", "/ops/passkeys/remove")
    assert someone.visitor.post(form.action, form.fields).location == "/ops/passkeys?done=removed"
    assert "You have no passkeys yet" in someone.visitor.get("/ops/passkeys").text
    assert someone.visitor.post(form.action, {**form.fields, "passkey": "xyz"}).status_code == 400
    someone.visitor = site.visitor()
    someone.give_password()
    assert "/ops/factor/passkey" not in [form.action for form in forms_of(someone.visitor.get("/ops/factor"))]
