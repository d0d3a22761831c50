"""Recovery codes and the reset of a lost password (threats B03, B08, B09)."""

import re
import secrets
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from werkzeug.test import TestResponse

from idp.domain.account import Account, AccountState
from idp.domain.app_message import Initiator
from idp.domain.audit_event import AuditKind
from idp.domain.errors import Refused
from idp.domain.recovery_code import CODES, code_digest
from idp.services.accounts import delete_account
from idp.services.recovery import OPERATORS_CODE_SECONDS, RESETS_PER_ACCOUNT, make_operators_code, reset_password
from idp.services.sign_in import TRIES_PER_ACCOUNT
from idp.web.pages.application import create_pages
from idp.web.rate_limit import RESETS, RateLimits
from tests.app import running_app
from tests.web.conftest import Pages, authorize_url
from tests.web.visitor import PASSWORD, Visitor, forms_of, query_of

FRESH = "a different long password"
CODE = re.compile(r"\b(?:[A-Z2-7]{4}-){3}[A-Z2-7]{4}\b")
NO_CODE = "AAAA-AAAA-AAAA-AAAA"


def _codes(visitor: Visitor, password: str = PASSWORD) -> list[str]:
    form = next(form for form in forms_of(visitor.get("/account")) if form.action == "/account/recovery-codes")
    answer = visitor.post(form.action, {**form.fields, "current_password": password})
    assert answer.status_code == 200, answer.text
    return CODE.findall(answer.text)


def _reset(visitor: Visitor, username: str, code: str, fresh: str = FRESH) -> TestResponse:
    return visitor.submit(visitor.get("/reset"), {"username": username, "code": code, "new_password": fresh})


def _kinds(pages: Pages, account: Account) -> list[AuditKind]:
    return [event.kind for event in pages.provider.realm.store.read(lambda tx: tx.audit.of_account(account.id))]


def _signs_in(pages: Pages, username: str, password: str) -> bool:
    visitor = pages.visitor()
    answer = visitor.submit(visitor.get("/sign-in"), {"username": username, "password": password})
    return answer.status_code == 303


def test_codes_are_shown_once_and_their_number_afterwards(pages: Pages) -> None:
    person = pages.person()
    visitor = pages.signed_in(person)
    assert "You have no recovery codes yet." in visitor.get("/account").text
    codes = _codes(visitor)
    assert len(set(codes)) == CODES
    page = visitor.get("/account").text
    assert f"Unused codes: {CODES}" in page
    assert not CODE.search(page)
    assert _kinds(pages, person).count(AuditKind.RECOVERY_CODES_MADE) == 1


def test_no_code_lies_in_the_database(tmp_path: Path) -> None:
    with running_app(tmp_path) as app:
        codes = _codes(app.signed_in().browser)
        stored = b"".join(file.read_bytes() for file in tmp_path.iterdir() if file.is_file())
    assert code_digest(codes[0]) in stored
    for code in codes:
        assert code.encode() not in stored
        assert code.replace("-", "").encode() not in stored


def test_new_codes_take_the_place_of_the_old_ones(pages: Pages) -> None:
    person = pages.person()
    visitor = pages.signed_in(person)
    old, new = _codes(visitor), _codes(visitor)
    assert _reset(pages.visitor(), person.username, old[0]).status_code == 400
    assert _reset(pages.visitor(), person.username, new[0]).status_code == 303


@pytest.mark.parametrize("password", ["not the password", ""])
def test_codes_need_the_password_again(pages: Pages, password: str) -> None:
    person = pages.person()
    visitor = pages.signed_in(person)
    form = next(form for form in forms_of(visitor.get("/account")) if form.action == "/account/recovery-codes")
    answer = visitor.post(form.action, {**form.fields, "current_password": password})
    assert answer.status_code == 400
    assert not CODE.search(answer.text)
    assert answer.text.count('id="problem"') == 1
    assert AuditKind.RECOVERY_CODES_MADE not in _kinds(pages, person)


def test_guessing_at_the_codes_form_meets_the_limit_of_sign_in(pages: Pages) -> None:
    person = pages.person()
    visitor = pages.signed_in(person)
    form = next(form for form in forms_of(visitor.get("/account")) if form.action == "/account/recovery-codes")
    for _ in range(TRIES_PER_ACCOUNT):
        assert visitor.post(form.action, {**form.fields, "current_password": "wrong"}).status_code == 400
    late = visitor.post(form.action, {**form.fields, "current_password": PASSWORD})
    assert late.status_code == 429
    assert int(late.headers["Retry-After"]) > 0


def test_a_code_changes_the_password_and_ends_every_session(pages: Pages) -> None:
    person = pages.person()
    here, there = pages.signed_in(person), pages.signed_in(person)
    code = _codes(here)[3]
    stranger = pages.visitor()
    answer = _reset(stranger, person.username, code)
    assert answer.status_code == 303
    assert stranger.cookie("session") is None, "a code signs nobody in"
    assert "Your password is changed" in stranger.follow(answer).text
    assert here.get("/account").location == there.get("/account").location == "/sign-in"
    assert _signs_in(pages, person.username, FRESH)
    assert not _signs_in(pages, person.username, PASSWORD)
    assert AuditKind.PASSWORD_RESET in _kinds(pages, person)
    assert f"Unused codes: {CODES - 1}" in _after(pages, person.username).text


def _after(pages: Pages, username: str) -> TestResponse:
    visitor = pages.visitor()
    visitor.submit(visitor.get("/sign-in"), {"username": username, "password": FRESH})
    return visitor.get("/account")


def test_a_code_works_once(pages: Pages) -> None:
    person = pages.person()
    code = _codes(pages.signed_in(person))[0]
    assert _reset(pages.visitor(), person.username, code).status_code == 303
    assert _reset(pages.visitor(), person.username, code, "yet another password").status_code == 400
    assert _signs_in(pages, person.username, FRESH)


def test_one_code_opens_once_for_eight_racing_people(pages: Pages) -> None:
    person = pages.person()
    for code in _codes(pages.signed_in(person))[:3]:
        start = threading.Barrier(8)

        def attempt(number: int, code: str = code, start: threading.Barrier = start) -> bool:
            start.wait(20)
            try:
                reset_password(pages.provider.realm, person.username, code, f"password of racer {number}")
            except Refused as refused:
                assert refused.reason == "wrong_code"
                return False
            return True

        with ThreadPoolExecutor(8) as threads:
            won = list(threads.map(attempt, range(8)))
        assert won.count(True) == 1
        assert _signs_in(pages, person.username, f"password of racer {won.index(True)}")
        pages.clock.advance(3600)


def test_wrong_code_and_unknown_name_are_answered_byte_for_byte_alike(pages: Pages) -> None:
    person, locked, bare = pages.person(), pages.person(), pages.person()
    used = _codes(pages.signed_in(person))[0]
    assert _reset(pages.visitor(), person.username, used).status_code == 303
    good = _codes(pages.signed_in(locked))[0]
    pages.provider.realm.store.write(lambda tx: tx.accounts.set_state(locked.id, AccountState.LOCKED))
    visitor = pages.visitor()
    page = visitor.get("/reset")
    cases = [
        (person.username, NO_CODE), (person.username, used), (person.username, "not a code at all \u4e00"),
        (bare.username, NO_CODE), (locked.username, good), ("nobody-of-this-name", NO_CODE),
        ("nobody-of-this-name", good), ("\u202ename", NO_CODE), ("n" * 200, NO_CODE),
    ]  # fmt: skip
    answers = [
        visitor.submit(page, {"username": username, "code": code, "new_password": FRESH}) for username, code in cases
    ]
    assert {answer.status_code for answer in answers} == {400}
    assert len({answer.data for answer in answers}) == 1
    assert len({str(list(answer.headers)) for answer in answers}) == 1


def test_a_weak_password_is_refused_before_anything_is_looked_up(pages: Pages) -> None:
    person, visitor = pages.person(), pages.visitor()
    code = _codes(pages.signed_in(person))[0]
    page = visitor.get("/reset")
    answers = [
        visitor.submit(page, {"username": username, "code": code, "new_password": "password123"})
        for username in (person.username, "nobody-of-this-name")
    ]
    assert [answer.status_code for answer in answers] == [400, 400]
    assert answers[0].data == answers[1].data
    assert _reset(visitor, person.username, code).status_code == 303, "the code was spent by a refused password"


@pytest.mark.parametrize("missing", ["username", "code", "new_password"])
def test_a_field_left_out_is_said(pages: Pages, missing: str) -> None:
    visitor = pages.visitor()
    fields = {"username": "x", "code": NO_CODE, "new_password": FRESH, missing: ""}
    answer = visitor.submit(visitor.get("/reset"), fields)
    assert answer.status_code == 400
    assert "fill in all fields" in answer.text


@pytest.mark.parametrize("known", [True, False])
def test_after_ten_wrong_codes_a_name_waits_whether_it_exists_or_not(pages: Pages, known: bool) -> None:
    person, visitor = pages.person(), pages.visitor()
    right = _codes(pages.signed_in(person))[0]
    username = person.username if known else "nobody-" + secrets.token_hex(4)
    for _ in range(RESETS_PER_ACCOUNT):
        assert _reset(visitor, username, NO_CODE).status_code == 400
    late = _reset(visitor, username, right)
    assert late.status_code == 429
    assert 0 < int(late.headers["Retry-After"]) <= 3600
    pages.clock.advance(int(late.headers["Retry-After"]))
    assert _reset(visitor, username, right).status_code == (303 if known else 400)


def test_wrong_codes_are_limited_by_address_too(pages: Pages) -> None:
    visitor = Visitor(create_pages(pages.provider, RateLimits(pages.clock, None)))
    statuses = [_reset(visitor, f"guess-{number}", NO_CODE).status_code for number in range(RESETS.amount + 2)]
    assert statuses[: RESETS.amount] == [400] * RESETS.amount
    assert statuses[-1] == 429


def test_a_code_is_read_as_people_write_it(pages: Pages) -> None:
    person = pages.person()
    codes = _codes(pages.signed_in(person))
    for number, typed in enumerate([
        codes[0].lower(), codes[1].replace("-", ""), codes[2].replace("-", " "), f"  {codes[3]} ",
        codes[4].replace("O", "0").replace("I", "1").replace("B", "8"), codes[5].replace("-", "\u2013"),
    ]):  # fmt: skip
        answer = _reset(pages.visitor(), person.username, typed, f"a fresh password {number}")
        assert answer.status_code == 303, typed


def test_a_code_opens_only_its_own_account(pages: Pages) -> None:
    person, other = pages.person(), pages.person()
    code = _codes(pages.signed_in(person))[0]
    assert _reset(pages.visitor(), other.username, code).status_code == 400
    assert _reset(pages.visitor(), person.username, code).status_code == 303


def test_an_operators_code_works_once_within_a_quarter_of_an_hour(pages: Pages) -> None:
    realm, person, visitor = pages.provider.realm, pages.person(), pages.visitor()
    own = _codes(pages.signed_in(person))
    late, made = make_operators_code(realm, person.username), make_operators_code(realm, person.username)
    assert made.expires_at == pages.clock.now() + OPERATORS_CODE_SECONDS
    pages.clock.advance(OPERATORS_CODE_SECONDS - 1)
    assert _reset(visitor, person.username, made.code).status_code == 303
    assert _reset(visitor, person.username, made.code, "yet another password").status_code == 400
    pages.clock.advance(1)
    assert _reset(visitor, person.username, late.code, "yet another password").status_code == 400
    assert _reset(visitor, person.username, own[0], "yet another password").status_code == 303, "own codes stay"
    assert AuditKind.RESET_CODE_MADE in _kinds(pages, person)
    with pytest.raises(Refused) as refused:
        make_operators_code(realm, "nobody-of-this-name")
    assert refused.value.reason == "unknown_account"


def test_a_reset_on_the_way_to_an_app_goes_on_to_it(pages: Pages) -> None:
    person, visitor = pages.person(), pages.visitor()
    code = _codes(pages.signed_in(person))[0]
    page = visitor.follow(visitor.get(authorize_url(pages.app_client())))
    link = re.search(r'href="(/reset\?request=[^"]+)"', page.text)
    assert link is not None
    answer = visitor.submit(visitor.get(link[1]), {"username": person.username, "code": code, "new_password": FRESH})
    assert urlsplit(answer.location).path == "/sign-in"
    assert "request" in query_of(answer.location)
    page = visitor.get(answer.location)
    answer = visitor.submit(page, {"username": person.username, "password": FRESH})
    assert urlsplit(answer.location).path == "/consent"


def test_codes_go_with_their_account(pages: Pages) -> None:
    person = pages.person()
    code = _codes(pages.signed_in(person))[0]
    delete_account(pages.provider.realm, person.username, Initiator.ADMIN)
    assert pages.provider.realm.store.read(lambda tx: tx.recovery_codes.remaining(person.id)) == 0
    assert _reset(pages.visitor(), person.username, code).status_code == 400
