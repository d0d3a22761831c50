"""Sign-in of staff: password, then a second factor; sessions, limits, replay, fixation (threats B01, B03-B05, B09)."""

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from werkzeug.test import TestResponse

from crypto import totp
from idp.domain.audit_event import AuditKind
from idp.domain.staff import ENROLMENT_SECONDS, HALF_SESSION_SECONDS, IDLE_SECONDS, SESSION_SECONDS
from idp.services.accounts import create_account
from idp.services.sign_in import TRIES_PER_ACCOUNT
from idp.services.staff import remove_staff, reset_staff_factor, reset_staff_password
from idp.services.staff_sign_in import CODES_PER_HOUR
from idp.web.pages.application import create_pages
from idp.web.rate_limit import STAFF_SIGN_INS, RateLimits
from tests.web.conftest import Pages
from tests.web.staff import Colleague, colleague, on_duty, secret_on
from tests.web.visitor import PASSWORD, Visitor, forms_of

NEW_HOUR = 7200


def _in(someone: Colleague) -> bool:
    return someone.visitor.get("/ops").status_code == 200


def _kinds(pages: Pages, someone: Colleague) -> list[AuditKind]:
    events = pages.provider.realm.store.read(lambda tx: tx.audit.page_before(None, 500))
    return [event.kind for event in reversed(events) if event.subject == someone.member.id.hex()]


def test_the_first_sign_in_sets_up_the_second_factor_and_the_next_one_asks_for_it(pages: Pages) -> None:
    someone = colleague(pages)
    assert someone.give_password().location == "/ops/factor"
    assert someone.visitor.get("/ops/factor").location == "/ops/enrol"
    assert someone.enrol().location == "/ops"
    assert someone.name in someone.visitor.get("/ops").text
    assert someone.visitor.submit(someone.visitor.get("/ops")).location == "/ops/sign-in?done=signed_out"
    assert not _in(someone)
    pages.clock.advance(totp.STEP_SECONDS)
    someone.give_password()
    assert someone.visitor.get("/ops/enrol").location == "/ops/factor"
    assert someone.give_code(someone.code()).location == "/ops"
    assert sorted(_kinds(pages, someone)) == sorted([
        AuditKind.STAFF_ADDED, AuditKind.STAFF_FACTOR_ENROLLED, AuditKind.STAFF_SIGNED_IN, AuditKind.STAFF_SIGNED_OUT,
        AuditKind.STAFF_SIGNED_IN,
    ])  # fmt: skip


def test_the_password_alone_opens_nothing(pages: Pages) -> None:
    someone = on_duty(pages)
    someone.visitor = pages.visitor()
    someone.give_password()
    for path in ("/ops", "/ops/apps", "/ops/records", "/ops/trail", "/ops/keys", "/ops/passkeys"):
        answer = someone.visitor.get(path)
        assert (answer.status_code, answer.location) == (303, "/ops/factor"), path
    forged = someone.visitor.post("/ops/keys/rotate", {"csrf": someone.token("/ops/keys/rotate")})
    assert (forged.status_code, forged.location) == (303, "/ops/factor")


def test_the_secret_is_shown_once_as_text_and_as_a_picture(pages: Pages) -> None:
    someone = colleague(pages)
    someone.give_password()
    page = someone.visitor.get("/ops/enrol")
    assert len(secret_on(page)) == totp.SECRET_BYTES
    assert page.text.count("<svg") == 1
    wrong = someone.visitor.submit(page, {"code": "000000"})
    assert wrong.status_code == 400
    assert "<svg" not in wrong.text
    assert 'id="secret"' not in wrong.text
    # The form that was begun goes on, with the secret that was shown.
    someone.secret = secret_on(page)
    assert someone.visitor.submit(wrong, {"code": someone.code()}).location == "/ops"
    assert someone.now().totp_secret == someone.secret
    assert secret_on(page) != secret_on(_begun(colleague(pages)))


def _begun(someone: Colleague) -> TestResponse:
    someone.give_password()
    return someone.visitor.get("/ops/enrol")


def test_an_enrolment_belongs_to_its_session_and_its_browser(pages: Pages) -> None:
    first, second = colleague(pages), colleague(pages)
    page = _begun(first)
    _begun(second)
    sealed = forms_of(page)[0].fields["begun"]
    code = totp.code_at(secret_on(page), totp.step_at(pages.clock.now()))
    answer = second.visitor.post("/ops/enrol", {"csrf": second.token("/ops/enrol"), "begun": sealed, "code": code})
    assert answer.location == "/ops/sign-in?done=begin_again"
    assert second.now().totp_secret is None


def test_of_two_enrolments_the_first_wins(pages: Pages) -> None:
    someone = colleague(pages)
    thief = Colleague(pages, someone.member, pages.visitor())
    pages_of = [(one, _begun(one)) for one in (someone, thief)]
    for one, page in pages_of:
        one.secret = secret_on(page)
    assert someone.visitor.submit(pages_of[0][1], {"code": someone.code()}).location == "/ops"
    assert thief.visitor.submit(pages_of[1][1], {"code": thief.code()}).location == "/ops/sign-in?done=begin_again"
    assert someone.now().totp_secret == someone.secret
    assert not _in(thief)


def test_enrolment_is_open_for_three_days(pages: Pages) -> None:
    someone = colleague(pages)
    pages.clock.advance(ENROLMENT_SECONDS)
    someone.give_password()
    assert "blindage staff reset-factor" in someone.visitor.get("/ops/factor").text
    assert someone.visitor.get("/ops/enrol").location == "/ops/factor"
    reset_staff_factor(pages.provider.realm, someone.name)
    someone.sign_in()
    assert _in(someone)


@pytest.mark.parametrize("steps", [-1, 0, 1])
def test_a_code_works_once_and_no_earlier_one_after_it(pages: Pages, steps: int) -> None:
    someone = on_duty(pages)
    pages.clock.advance(300)
    code, earlier = someone.code(steps), someone.code(steps - 1)
    someone.give_password()
    assert someone.give_code(code).location == "/ops"
    for used in (code, earlier):
        someone.give_password()
        assert someone.give_code(used).status_code == 400
    assert not _in(someone)


def test_the_code_of_the_enrolment_does_not_work_again(pages: Pages) -> None:
    someone = on_duty(pages)
    code = someone.code()
    someone.give_password()
    assert someone.give_code(code).status_code == 400


def test_five_wrong_codes_an_hour_and_then_none_is_looked_at(pages: Pages) -> None:
    someone = on_duty(pages)
    pages.clock.advance(NEW_HOUR)
    someone.give_password()
    for _ in range(CODES_PER_HOUR):
        assert someone.give_code("000000").status_code == 400
    refused = someone.give_code(someone.code())
    assert refused.status_code == 429
    assert 0 < int(refused.headers["Retry-After"]) <= 3600
    # The half session is over: the password is due again, and helps no more than before.
    assert someone.visitor.get("/ops/factor").location == "/ops/sign-in"
    someone.give_password()
    assert someone.give_code(someone.code()).status_code == 429
    assert _kinds(pages, someone).count(AuditKind.STAFF_FACTOR_BLOCKED) == 1, "one in the hour"
    pages.clock.advance(NEW_HOUR)
    someone.give_password()
    assert someone.give_code(someone.code()).location == "/ops"


def test_no_hour_sees_more_than_five_wrong_codes(pages: Pages) -> None:
    someone = on_duty(pages)
    pages.clock.advance(NEW_HOUR - pages.clock.now() % 3600 - 60)
    looked_at = 0
    for _ in range(2):
        for _ in range(CODES_PER_HOUR + 2):
            someone.give_password()
            looked_at += someone.give_code("000000").status_code == 400
        pages.clock.advance(120)
    assert looked_at == CODES_PER_HOUR


def test_ten_wrong_passwords_an_hour(pages: Pages) -> None:
    someone = on_duty(pages)
    someone.visitor = pages.visitor()
    for _ in range(TRIES_PER_ACCOUNT):
        assert someone.give_password("wrong").status_code == 400
    assert someone.give_password().status_code == 429
    pages.clock.advance(NEW_HOUR)
    assert someone.give_password().location == "/ops/factor"


def test_limits_by_address_bite_at_every_step(pages: Pages) -> None:
    limits = RateLimits(pages.clock, None)
    limited = replace(pages, app=create_pages(pages.provider, limits))
    someone = colleague(limited)
    statuses = []
    for number in range(STAFF_SIGN_INS.amount + 2):
        page = someone.visitor.get("/ops/sign-in")
        statuses.append(someone.visitor.submit(page, {"username": f"nobody{number}", "password": "x"}).status_code)
    assert statuses[-1] == 429
    assert statuses.count(400) == STAFF_SIGN_INS.amount + 1
    assert someone.give_password().status_code == 429


def test_an_answer_does_not_tell_which_names_are_of_staff(pages: Pages) -> None:
    someone, person = on_duty(pages), pages.person()
    answers = []
    for name in (someone.name, person.username, "nobody at all", "\u200b", "x" * 200):
        visitor = pages.visitor()
        answer = visitor.submit(visitor.get("/ops/sign-in"), {"username": name, "password": "wrong"})
        headers = {key: value for key, value in answer.headers.items() if key != "Set-Cookie"}
        text = re.sub(r'name="csrf" value="[^"]+"', "", answer.text)
        answers.append((answer.status_code, sorted(headers.items()), text))
    assert answers == answers[:1] * 5
    # The password is evaluated for a name that is not there, too: the work is the same.
    assert answers[0][0] == 400


def test_each_step_has_a_session_of_its_own(pages: Pages) -> None:
    """Threats B04: whoever knew the cookie before a step has nothing after it."""
    someone = on_duty(pages)
    pages.clock.advance(60)
    before = someone.visitor.cookie("staff")
    someone.give_password()
    half = someone.visitor.cookie("staff")
    someone.give_code(someone.code())
    whole = someone.visitor.cookie("staff")
    assert len({before, half, whole}) == 3
    for old in (before, half):
        assert old is not None
        thief = pages.visitor()
        thief.client.set_cookie("blindage_staff", old, domain="127.0.0.1")
        assert thief.get("/ops").location == "/ops/sign-in"


def test_a_cookie_that_an_attacker_set_before_never_becomes_the_session(pages: Pages) -> None:
    attacker = on_duty(pages)
    planted = attacker.visitor.cookie("staff")
    victim = on_duty(pages)
    pages.clock.advance(60)
    victim.visitor = pages.visitor()
    victim.visitor.client.set_cookie("blindage_staff", planted or "", domain="127.0.0.1")
    page = pages.visitor()
    # The victim sees the attacker's session there, signs out, and signs in.
    victim.visitor.submit(victim.visitor.get("/ops"))
    victim.sign_in()
    assert victim.visitor.cookie("staff") != planted
    page.client.set_cookie("blindage_staff", planted or "", domain="127.0.0.1")
    assert page.get("/ops").location == "/ops/sign-in"


def test_a_persons_session_opens_no_ops_and_a_staff_session_no_account(pages: Pages) -> None:
    person, someone = pages.person(), on_duty(pages)
    visitor = pages.signed_in(person)
    assert visitor.get("/ops").location == "/ops/sign-in"
    assert someone.visitor.get("/account").location == "/sign-in"
    # Neither by carrying the secret of the one over to the cookie of the other.
    swapped = pages.visitor()
    swapped.client.set_cookie("blindage_staff", visitor.cookie("session") or "", domain="127.0.0.1")
    swapped.client.set_cookie("blindage_session", someone.visitor.cookie("staff") or "", domain="127.0.0.1")
    assert swapped.get("/ops").location == "/ops/sign-in"
    assert swapped.get("/account").location == "/sign-in"
    # Nor by name and password.
    assert visitor.sign_in(someone.name, visitor.get("/sign-in?other=1")).status_code == 400
    assert _password_at_ops(pages, person.username).status_code == 400


def _password_at_ops(pages: Pages, name: str) -> TestResponse:
    visitor = pages.visitor()
    return visitor.submit(visitor.get("/ops/sign-in"), {"username": name, "password": PASSWORD})


def test_a_member_and_a_person_may_have_the_same_name_and_nothing_joins_them(pages: Pages) -> None:
    someone, realm = colleague(pages), pages.provider.realm
    account = create_account(realm, someone.name, "another long password")
    assert account.username_index != someone.now().name_index
    assert _password_at_ops(pages, someone.name).location == "/ops/factor"


@pytest.mark.parametrize(("wait", "times", "lives"), [(IDLE_SECONDS - 60, 3, True), (IDLE_SECONDS, 1, False)])
def test_a_session_ends_when_it_is_not_used(pages: Pages, wait: int, times: int, lives: bool) -> None:
    someone = on_duty(pages)
    for _ in range(times):
        pages.clock.advance(wait)
        seen = _in(someone)
    assert seen is lives


def test_a_session_ends_after_four_hours_however_much_it_is_used(pages: Pages) -> None:
    someone = on_duty(pages)
    for _ in range(SESSION_SECONDS // 600 - 1):
        pages.clock.advance(600)
        assert _in(someone)
    pages.clock.advance(600)
    assert not _in(someone)


def test_a_half_session_ends_after_five_minutes(pages: Pages) -> None:
    someone = on_duty(pages)
    pages.clock.advance(60)
    someone.give_password()
    form = someone.visitor.get("/ops/factor")
    pages.clock.advance(HALF_SESSION_SECONDS)
    assert someone.visitor.submit(form, {"code": someone.code()}).location == "/ops/sign-in"


def test_resets_and_removal_end_every_session_whole_or_half(pages: Pages) -> None:
    realm = pages.provider.realm
    for change in (
        lambda name: reset_staff_factor(realm, name),
        lambda name: reset_staff_password(realm, name, PASSWORD),
        lambda name: remove_staff(realm, name),
    ):
        someone = on_duty(pages)
        half = Colleague(pages, someone.member, pages.visitor(), someone.secret)
        pages.clock.advance(60)
        half.give_password()
        form = half.visitor.get("/ops/factor")
        change(someone.name)
        assert not _in(someone)
        assert half.visitor.submit(form, {"code": half.code()}).location == "/ops/sign-in"


def test_after_a_reset_the_old_secret_is_nothing_and_a_new_one_is_set_up(pages: Pages) -> None:
    someone = on_duty(pages)
    old = someone.secret
    reset_staff_factor(pages.provider.realm, someone.name)
    assert someone.now().totp_secret is None
    someone.secret = None
    someone.visitor = pages.visitor()
    assert _in(someone.sign_in())
    assert someone.secret != old


def test_the_cookie_is_apart_and_strict(https_pages: Pages) -> None:
    someone = colleague(https_pages)
    cookies = someone.give_password().headers.getlist("Set-Cookie")
    (made,) = [cookie for cookie in cookies if "_staff=" in cookie]
    assert made.startswith("__Host-blindage_staff=")
    for word in ("Secure", "HttpOnly", "SameSite=Strict", "Path=/"):
        assert word in made
    assert "Max-Age" not in made and "Expires" not in made and "Domain" not in made


def test_names_passwords_and_secrets_are_sealed_at_rest(pages: Pages, tmp_path: Path) -> None:
    someone = on_duty(pages)
    store = pages.provider.realm.store
    assert someone.secret is not None
    copy = tmp_path / "copy.db"
    store.backup(copy)  # type: ignore[attr-defined]
    data = copy.read_bytes()
    for secret in (someone.secret, someone.name.encode(), totp.secret_text(someone.secret).encode(), b"$argon2id$"):
        assert secret not in data
    # The control: what is not sealed is found.
    assert someone.member.id in data


@pytest.fixture(autouse=True)
def _quiet(pages: Pages) -> Iterator[None]:
    """Counters of one test must not bite in the next: time goes on."""
    yield
    pages.clock.advance(NEW_HOUR)


def test_fields_that_are_missing_are_asked_for(pages: Pages) -> None:
    someone = colleague(pages)
    assert someone.visitor.submit(someone.visitor.get("/ops/sign-in")).status_code == 400
    someone.give_password()
    page = someone.visitor.get("/ops/enrol")
    form = forms_of(page)[0]
    assert someone.visitor.post(form.action, {"csrf": form.fields["csrf"]}).status_code == 400
    someone.enrol()
    pages.clock.advance(60)
    someone.give_password()
    factor = forms_of(someone.visitor.get("/ops/factor"))[0]
    assert someone.visitor.post(factor.action, {"csrf": factor.fields["csrf"]}).status_code == 400


def test_whoever_is_signed_in_is_not_asked_again(pages: Pages) -> None:
    someone = on_duty(pages)
    visitor: Visitor = someone.visitor
    assert visitor.get("/ops/sign-in").location == "/ops"
    assert visitor.get("/ops/factor").location == "/ops"
    assert visitor.get("/ops/enrol").location == "/ops"
