"""What staff see and do is in the audit trail first, or it is not seen and not done (threats E02, E03)."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest
from werkzeug.test import TestResponse

from idp.domain.audit_event import AuditEvent, AuditKind
from idp.domain.client import ClientState, Manifest
from idp.domain.staff import LOOKS_PER_DAY, LookReason, StaffRole
from idp.services.consents import withdraw_consent
from idp.storage.sql.audit_verify import verify_audit
from idp.storage.sql.engine_sqlite import sqlite_library
from tests.web.conftest import BIRTH_DATES, Pages, authorize_url
from tests.web.staff import Colleague, on_duty

LOOKS = {"/ops/apps": "apps", "/ops/trail": "trail", "/ops/keys": "keys"}


def _events(pages: Pages) -> list[AuditEvent]:
    return list(pages.provider.realm.store.read(lambda tx: tx.audit.page_before(None, 1000)))


def _of(pages: Pages, someone: Colleague, kind: AuditKind) -> list[AuditEvent]:
    return [event for event in _events(pages) if event.kind is kind and event.subject == someone.member.id.hex()]


@contextmanager
def _no_audit(pages: Pages) -> Iterator[None]:
    """The database refuses every row of the trail, and nothing else."""
    file = pages.provider.realm.store._engine.file  # type: ignore[attr-defined]
    database = sqlite_library().connect(file, isolation_level=None)
    database.execute("CREATE TRIGGER broken BEFORE INSERT ON audit_events BEGIN SELECT RAISE(ABORT, 'no'); END")
    try:
        yield
    finally:
        database.execute("DROP TRIGGER broken")
        database.close()


def _look(someone: Colleague, username: str, reason: str = "guardian", case: str = "2026/17") -> TestResponse:
    form = someone.form("/ops/records", "/ops/records")
    return someone.visitor.post(
        form.action, {**form.fields, "username": username, "reason": reason, "case": case}
    )


def test_a_look_at_a_record_is_in_the_trail_with_who_whose_reason_and_case(pages: Pages) -> None:
    officer, person = on_duty(pages, StaffRole.OFFICER), pages.person("child")
    answer = _look(officer, person.username)
    assert answer.status_code == 200
    (event,) = _of(pages, officer, AuditKind.STAFF_READ)
    assert event.account_id == person.id
    assert dict(event.details) == {"reason": "guardian", "case": "2026/17"}
    # The person sees it, and it is readable until the account is deleted.
    page = pages.signed_in(person).get("/account").text
    assert "Who looked at your record" in page and "A request of the guardian" in page
    for hidden in (officer.name, officer.member.id.hex(), "2026/17"):
        assert hidden not in page
    theirs = pages.provider.realm.store.read(lambda tx: tx.audit.of_account(person.id))
    assert event in theirs


def test_a_record_shows_band_assurance_dates_and_counts_and_never_a_birth_date_or_an_app(pages: Pages) -> None:
    officer, person = on_duty(pages, StaffRole.OFFICER), pages.person("minor")
    client, visitor = pages.app_client(name="Secret Garden"), pages.signed_in(person)
    pages.guardian_agrees(person, client)
    visitor.submit(visitor.follow(visitor.get(authorize_url(client))), {"decision": "allow"})
    text = _look(officer, person.username).text
    one_app = "<dt>Apps with a consent</dt><dd>1</dd>"
    for shown in (person.username, "minor (under 18)", "standard", "June 1, 2028", one_app):
        assert shown in text, shown
    born = BIRTH_DATES["minor"]
    dates = (born.isoformat(), born.strftime("%Y%m%d"), str(born.year))
    for hidden in (*dates, "Secret Garden", client.id, person.id.hex()):
        assert hidden not in text, hidden
    withdraw_consent(pages.provider.realm, person.id, client.id)
    assert "<dt>Apps with a consent</dt><dd>0</dd>" in _look(officer, person.username).text


@pytest.mark.parametrize("case", ["", " ", "x" * 41, "a b", "é", "../..", "'; DROP", "1\n2"])
def test_no_look_without_a_case(pages: Pages, case: str) -> None:
    officer, person = on_duty(pages, StaffRole.OFFICER), pages.person()
    assert _look(officer, person.username, case=case).status_code == 400
    assert _of(pages, officer, AuditKind.STAFF_READ) == []


@pytest.mark.parametrize("reason", ["", "curiosity", "REQUEST"])
def test_no_look_without_a_reason_of_the_list(pages: Pages, reason: str) -> None:
    officer, person = on_duty(pages, StaffRole.OFFICER), pages.person()
    answer = _look(officer, person.username, reason=reason)
    assert answer.status_code == 400
    assert "minor" not in answer.text and "adult" not in answer.text
    assert _of(pages, officer, AuditKind.STAFF_READ) == []


@pytest.mark.parametrize("reason", list(LookReason))
def test_every_reason_of_the_list_is_offered_and_taken(pages: Pages, reason: LookReason) -> None:
    officer = on_duty(pages, StaffRole.OFFICER)
    assert f'value="{reason.value}"' in officer.visitor.get("/ops/records").text
    assert _look(officer, pages.person().username, reason.value).status_code == 200


def test_a_look_for_somebody_who_is_not_there_is_in_the_trail_too(pages: Pages) -> None:
    officer = on_duty(pages, StaffRole.OFFICER)
    assert _look(officer, "nobody at all").status_code == 404
    (event,) = _of(pages, officer, AuditKind.STAFF_READ)
    assert event.account_id is None


def test_an_officer_looks_at_fifty_records_in_a_day(pages: Pages) -> None:
    officer, person = on_duty(pages, StaffRole.OFFICER), pages.person()
    form = officer.form("/ops/records", "/ops/records")
    fields = {**form.fields, "username": person.username, "reason": "request", "case": "7"}
    statuses = [officer.visitor.post("/ops/records", fields).status_code for _ in range(LOOKS_PER_DAY + 2)]
    assert statuses == [200] * LOOKS_PER_DAY + [429] * 2
    assert len(_of(pages, officer, AuditKind.STAFF_READ)) == LOOKS_PER_DAY
    pages.clock.advance(86_400)
    assert _look(officer.sign_in(), person.username).status_code == 200


def test_each_page_with_something_on_it_leaves_a_row(pages: Pages) -> None:
    someone = on_duty(pages)
    client = pages.app_client()
    for path, word in {**LOOKS, f"/ops/apps/app?client={client.id}": "app"}.items():
        before = len(_of(pages, someone, AuditKind.STAFF_READ))
        assert someone.visitor.get(path).status_code == 200
        rows = _of(pages, someone, AuditKind.STAFF_READ)
        assert len(rows) == before + 1, path
        assert ("page", word) in [detail for row in rows for detail in row.details]


def test_without_the_trail_nothing_is_shown(pages: Pages) -> None:
    someone, person = on_duty(pages), pages.person("minor")
    client = pages.app_client(name="Secret Garden")
    token = someone.token("/ops/records")
    with _no_audit(pages):
        for path in (*LOOKS, f"/ops/apps/app?client={client.id}"):
            answer = someone.visitor.get(path)
            assert answer.status_code == 503, path
            assert "Secret Garden" not in answer.text
        fields = {"csrf": token, "username": person.username, "reason": "request", "case": "7"}
        answer = someone.visitor.post("/ops/records", fields)
        assert answer.status_code == 503
        assert "minor" not in answer.text
    assert someone.visitor.post("/ops/records", fields).status_code == 200


def test_without_the_trail_nothing_is_done(pages: Pages) -> None:
    someone, store = on_duty(pages), pages.provider.realm.store
    client = pages.app_client()
    store.write(lambda tx: tx.clients.set_state(client.id, ClientState.PENDING))
    keys = store.read(lambda tx: tx.keys.signing_keys())
    tokens = {path: someone.token(path) for path in ("/ops/apps/review", "/ops/apps/suspend", "/ops/keys/rotate")}
    with _no_audit(pages):
        for path, token in tokens.items():
            answer = someone.visitor.post(path, {"csrf": token, "client": client.id, "version": "2"})
            assert answer.status_code == 503, path
        pages.clock.advance(30)
        someone.give_password()
        assert someone.give_code(someone.code()).status_code == 503
        assert someone.visitor.get("/ops").location == "/ops/factor"
    kept = store.read(lambda tx: tx.clients.current(client.id))
    assert kept is not None and kept.state is ClientState.PENDING
    assert store.read(lambda tx: tx.keys.signing_keys()) == keys
    # The code was not used up by the sign-in that failed.
    assert someone.give_code(someone.code()).location == "/ops"


def test_every_change_names_who_made_it(pages: Pages) -> None:
    someone, store = on_duty(pages), pages.provider.realm.store
    client = pages.app_client()
    store.write(lambda tx: tx.clients.set_state(client.id, ClientState.PENDING))
    page = f"/ops/apps/app?client={client.id}"
    form = someone.form(page, "/ops/apps/review")
    assert "done=reviewed" in someone.visitor.post(form.action, form.fields).location
    form = someone.form(page, "/ops/apps/suspend")
    assert "done=suspended" in someone.visitor.post(form.action, form.fields).location
    form = someone.form("/ops/keys", "/ops/keys/rotate")
    assert someone.visitor.post(form.action, form.fields).location == "/ops/keys?done=ordered"
    by = ("staff", someone.member.id.hex())
    changes = [event for event in _events(pages) if event.client_id == client.id and by in event.details]
    assert {event.kind for event in changes} == {AuditKind.CLIENT_REVIEWED, AuditKind.CLIENT_SUSPENDED}
    assert len(_of(pages, someone, AuditKind.KEY_ROTATION_ORDERED)) == 1
    trail = someone.visitor.get("/ops/trail?of=apps").text
    assert trail.count(f"<bdi>{someone.name}</bdi>") >= 2


def test_a_review_is_of_the_version_that_was_looked_at(pages: Pages) -> None:
    someone, store = on_duty(pages), pages.provider.realm.store
    client = pages.app_client()
    store.write(lambda tx: tx.clients.set_state(client.id, ClientState.PENDING))
    form = someone.form(f"/ops/apps/app?client={client.id}", "/ops/apps/review")
    seen = store.read(lambda tx: tx.clients.current(client.id))
    assert seen is not None
    store.write(lambda tx: tx.clients.replace(replace(seen, manifest=Manifest(2, "to sell it")), seen.version))
    answer = someone.visitor.post(form.action, form.fields)
    assert answer.status_code == 400
    assert "has changed since you looked" in answer.text
    assert "to sell it" in answer.text
    kept = store.read(lambda tx: tx.clients.current(client.id))
    assert kept is not None and kept.state is ClientState.PENDING


def test_a_refused_review_shows_the_app_and_so_is_a_look(pages: Pages) -> None:
    someone = on_duty(pages, StaffRole.REVIEWER)
    client = pages.app_client(name="Secret Garden")
    fields = {"csrf": someone.token("/ops/apps/review"), "client": client.id, "version": "999"}
    with _no_audit(pages):
        answer = someone.visitor.post("/ops/apps/review", fields)
        assert answer.status_code == 503
        assert "Secret Garden" not in answer.text
    assert _of(pages, someone, AuditKind.STAFF_READ) == []
    answer = someone.visitor.post("/ops/apps/review", fields)
    assert answer.status_code == 400
    assert "Secret Garden" in answer.text
    (event,) = _of(pages, someone, AuditKind.STAFF_READ)
    assert event.details == (("page", "app"),)


def test_what_an_app_declares_is_shown_escaped_and_linked_nowhere(pages: Pages) -> None:
    someone = on_duty(pages, StaffRole.REVIEWER)
    evil = '"><script>alert(1)</script>'
    client = pages.app_client(manifest=Manifest(1, evil, evil, evil, evil, evil, "v1"), contacts=(evil,))
    page = someone.visitor.get(f"/ops/apps/app?client={client.id}").text
    assert "<script>" not in page
    assert page.count("&lt;script&gt;") >= 5
    assert f'href="{client.redirect_uris[0]}' not in page


def test_the_trail_names_staff_and_apps_and_no_person(pages: Pages) -> None:
    operator, officer, person = on_duty(pages), on_duty(pages, StaffRole.OFFICER), pages.person()
    _look(officer, person.username, case="case-77")
    text = operator.visitor.get("/ops/trail").text + operator.visitor.get("/ops/trail?of=staff").text
    assert officer.name in text
    assert "case case-77" in text
    for hidden in (person.username, person.id.hex(), person.username_index.hex()):
        assert hidden not in text


def test_the_trail_has_pages_and_every_row_is_on_one_of_them_once(pages: Pages) -> None:
    operator = on_duty(pages, StaffRole.OPERATOR)
    seen, address, count = 0, "/ops/trail", len(_events(pages))
    while address:
        text = operator.visitor.get(address).text
        seen += text.count("<p><code lang")
        older = text.partition('href="/ops/trail?of=all&amp;before=')[2].partition('"')[0]
        address = f"/ops/trail?of=all&before={older}" if older else ""
    # Its own looks come on top as it goes on, in front of what it has seen by then.
    assert seen == count + 1


@pytest.mark.parametrize("query", ["of=nothing", "before=zz", "before=00", "before=" + "0" * 33, "of=all&of=staff"])
def test_a_malformed_question_is_refused(pages: Pages, query: str) -> None:
    assert on_duty(pages, StaffRole.OPERATOR).visitor.get(f"/ops/trail?{query}").status_code == 400


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/ops/apps?state=nothing", 400), ("/ops/apps?after=%ff", 400), ("/ops/apps?after=%C3%A9", 404),
        ("/ops/apps/app", 400), ("/ops/apps/app?client=nobody", 404), ("/ops/apps/app?client=%C3%A9", 404),
        ("/ops/apps/app?client=%00", 400), ("/ops/apps/app?client=%0A", 404), ("/ops/nothing", 404),
    ],
)  # fmt: skip
def test_a_malformed_question_about_apps_is_refused(pages: Pages, path: str, status: int) -> None:
    assert on_duty(pages, StaffRole.REVIEWER).visitor.get(path).status_code == status


@pytest.mark.parametrize(
    ("fields", "status"),
    [({}, 400), ({"client": "x"}, 400), ({"client": "x", "version": "-1"}, 400), ({"client": "x", "version": "1"}, 404),
     ({"client": "é", "version": "1"}, 404), ({"client": "x", "version": "9" * 40}, 400)],
)  # fmt: skip
def test_a_malformed_review_is_refused(pages: Pages, fields: dict[str, str], status: int) -> None:
    someone = on_duty(pages, StaffRole.REVIEWER)
    answer = someone.visitor.post("/ops/apps/review", {"csrf": someone.token("/ops/apps/review"), **fields})
    assert answer.status_code == status


def test_apps_are_listed_by_state_in_pages(pages: Pages) -> None:
    someone, store = on_duty(pages, StaffRole.REVIEWER), pages.provider.realm.store
    waiting = [pages.app_client(name=f"Waiting {number}") for number in range(30)]
    for client in waiting:
        store.write(lambda tx, one=client: tx.clients.set_state(one.id, ClientState.PENDING))
    first = someone.visitor.get("/ops/apps").text
    after = first.partition("after=")[2].partition('"')[0]
    second = someone.visitor.get(f"/ops/apps?state=pending&after={after}").text
    for client in waiting:
        link = f'/ops/apps/app?client={client.id}"'
        assert (link in first) + (link in second) == 1
    assert waiting[0].id not in someone.visitor.get("/ops/apps?state=active").text


def test_the_trail_still_verifies_after_everything_staff_did(pages: Pages) -> None:
    store = pages.provider.realm.store
    assert verify_audit(store) == []  # type: ignore[arg-type]


@pytest.fixture(autouse=True)
def _another_day(pages: Pages) -> Iterator[None]:
    yield
    pages.clock.advance(86_400)


