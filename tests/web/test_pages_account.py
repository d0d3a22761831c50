"""The account page: apps, sessions, password; every change with its audit row."""

import pytest

from idp.domain.account import Account, AccountState
from idp.domain.audit_event import AuditKind
from idp.domain.client import Client
from idp.services.sign_in import TRIES_PER_ACCOUNT
from tests.web.conftest import Pages, authorize_url
from tests.web.visitor import PASSWORD, Form, Visitor, forms_of, returned

FRESH = "a different long password"


def _kinds(pages: Pages, account: Account) -> list[AuditKind]:
    return [event.kind for event in pages.provider.realm.store.read(lambda tx: tx.audit.of_account(account.id))]


def _form(visitor: Visitor, action: str, **fields: str) -> Form:
    """The form of the account page with this action, and with these values in its hidden fields."""
    matching = [
        form
        for form in forms_of(visitor.get("/account"))
        if form.action == action and fields.items() <= form.fields.items()
    ]
    return matching[0]


def _agree(pages: Pages, visitor: Visitor, client: Client) -> None:
    page = visitor.follow(visitor.get(authorize_url(client)))
    assert "code" in returned(visitor.submit(page, {"decision": "allow"}))


def test_without_a_session_every_part_leads_to_sign_in(pages: Pages) -> None:
    visitor = pages.visitor()
    assert visitor.get("/account").location == "/sign-in"
    assert visitor.get("/.well-known/change-password").location == "/account#password"


def test_it_lists_apps_with_what_each_learns(pages: Pages) -> None:
    person = pages.person()
    visitor = pages.signed_in(person)
    page = visitor.get("/account")
    assert person.username in page.text
    assert "No app may learn anything about you." in page.text
    assert "adult (18 and over)" in page.text
    _agree(pages, visitor, pages.app_client(name="Sunny Garden"))
    page = visitor.get("/account")
    for words in ("Sunny Garden", "app.example", "minor or an adult", "Allowed since"):
        assert words in page.text


def test_an_app_is_withdrawn_and_must_ask_again(pages: Pages) -> None:
    person, client, other = pages.person(), pages.app_client(), pages.app_client(name="Other")
    visitor = pages.signed_in(person)
    _agree(pages, visitor, client)
    _agree(pages, visitor, other)
    form = _form(visitor, "/account/withdraw", client=client.id)
    answer = visitor.post(form.action, form.fields)
    assert (answer.status_code, answer.location) == (303, "/account?done=withdrawn")
    page = visitor.follow(answer)
    assert "learns nothing more from here" in page.text
    assert "Garden" not in page.text
    assert "Other" in page.text
    assert returned(visitor.get(authorize_url(client, prompt="none")))["error"] == "consent_required"
    assert AuditKind.CONSENT_WITHDRAWN in _kinds(pages, person)


def test_another_session_is_ended_at_once(pages: Pages) -> None:
    person = pages.person()
    here = pages.signed_in(person)
    pages.clock.advance(1)
    there = pages.signed_in(person)
    newest, own = [form for form in forms_of(here.get("/account")) if form.action == "/account/end-session"]
    assert here.post(newest.action, newest.fields).location == "/account?done=session_ended"
    assert "this browser" in here.get("/account").text
    assert there.get("/account").location == "/sign-in"
    assert AuditKind.SESSION_REVOKED in _kinds(pages, person)


def test_ending_this_session_signs_out(pages: Pages) -> None:
    person = pages.person()
    visitor = pages.signed_in(person)
    form = _form(visitor, "/account/end-session")
    answer = visitor.post(form.action, form.fields)
    assert answer.location == "/sign-in?done=signed_out"
    assert visitor.cookie("session") is None
    assert "You are signed out." in visitor.follow(answer).text


def test_nobody_ends_the_session_of_somebody_else(pages: Pages) -> None:
    person, other = pages.person(), pages.person()
    mine, theirs = pages.signed_in(person), pages.signed_in(other)
    stolen = _form(theirs, "/account/end-session").fields["session"]
    form = _form(mine, "/account/end-session")
    answer = mine.post(form.action, {**form.fields, "session": stolen})
    assert answer.status_code == 303
    assert theirs.get("/account").status_code == 200
    assert AuditKind.SESSION_REVOKED not in _kinds(pages, other)
    assert mine.post(form.action, {**form.fields, "session": "zz"}).status_code == 400


def test_sign_out_ends_the_session_on_the_server(pages: Pages) -> None:
    person = pages.person()
    visitor = pages.signed_in(person)
    copied = visitor.cookie("session") or ""
    form = _form(visitor, "/account/sign-out")
    assert visitor.post(form.action, form.fields).location == "/sign-in?done=signed_out"
    thief = pages.visitor()
    thief.client.set_cookie("blindage_session", copied, domain="127.0.0.1")
    assert thief.get("/account").location == "/sign-in"


def test_a_new_password_takes_the_old_one_and_ends_other_sessions(pages: Pages) -> None:
    person = pages.person()
    here, there = pages.signed_in(person), pages.signed_in(person)
    form = _form(here, "/account/password")
    answer = here.post(form.action, {**form.fields, "current_password": PASSWORD, "new_password": FRESH})
    assert answer.location == "/account?done=password_changed"
    assert here.get("/account").status_code == 200
    assert there.get("/account").location == "/sign-in"
    assert AuditKind.PASSWORD_CHANGED in _kinds(pages, person)
    newcomer = pages.visitor()
    page = newcomer.get("/sign-in")
    assert newcomer.submit(page, {"username": person.username, "password": PASSWORD}).status_code == 400
    assert newcomer.submit(page, {"username": person.username, "password": FRESH}).status_code == 303


@pytest.mark.parametrize(
    ("current", "fresh", "words"),
    [
        ("not the password", FRESH, "The current password is wrong."),
        (PASSWORD, "short", "at least 8 characters"),
        (PASSWORD, "qwertyuiop", "widely known"),
        ("", FRESH, "fill in both"),
        (PASSWORD, "", "fill in both"),
    ],
)
def test_a_refused_new_password_changes_nothing(pages: Pages, current: str, fresh: str, words: str) -> None:
    person = pages.person()
    visitor = pages.signed_in(person)
    form = _form(visitor, "/account/password")
    answer = visitor.post(form.action, {**form.fields, "current_password": current, "new_password": fresh})
    assert answer.status_code == 400
    assert words in answer.text
    assert AuditKind.PASSWORD_CHANGED not in _kinds(pages, person)
    assert pages.signed_in(person).get("/account").status_code == 200


def test_guessing_at_the_password_form_meets_the_limit_of_sign_in(pages: Pages) -> None:
    person = pages.person()
    visitor = pages.signed_in(person)
    form = _form(visitor, "/account/password")
    wrong = {**form.fields, "current_password": "wrong", "new_password": FRESH}
    for _ in range(TRIES_PER_ACCOUNT):
        assert visitor.post(form.action, wrong).status_code == 400
    right = visitor.post(form.action, {**wrong, "current_password": PASSWORD})
    assert right.status_code == 429
    assert int(right.headers["Retry-After"]) > 0
    pages.clock.advance(3600)
    assert visitor.post(form.action, {**wrong, "current_password": PASSWORD}).status_code == 303


def test_a_locked_account_sees_the_sign_in_form_and_no_loop(pages: Pages) -> None:
    person = pages.person()
    visitor = pages.signed_in(person)
    pages.provider.realm.store.write(lambda tx: tx.accounts.set_state(person.id, AccountState.LOCKED))
    page = visitor.follow(visitor.get("/account"))
    assert 'name="password"' in page.text
