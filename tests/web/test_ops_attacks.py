"""Attacks on /ops: guesses, names by time, addresses that look like others, garbage in every field, hostile names."""

import random
import time
from collections.abc import Iterator
from dataclasses import replace

import pytest

from idp.domain.audit_event import AuditKind
from idp.domain.errors import Refused
from idp.domain.staff import StaffRole
from idp.services.password_work import PasswordWork
from idp.services.staff import add_staff
from idp.services.staff_sign_in import CODES_PER_HOUR, open_half_session
from idp.web.pages.ops.table import HALF_WAY, ON_DUTY, OPS_PAGES
from tests.promises.auc import auc
from tests.web.conftest import Pages
from tests.web.staff import Colleague, colleague, on_duty
from tests.web.visitor import PASSWORD, forms_of

NASTY = (
    "", "\x00", "\u202egnp.exe", "🦉" * 50, "a" * 5000, "-1", "9" * 400, "null", "{}", "' OR 1=1 --", "{{7*7}}",
    "<script>alert(1)</script>", "\r\nSet-Cookie: x=1", "%00", "00" * 16, "00" * 32, "0" * 33, "eyJhbGciOiJub25lIn0..",
)  # fmt: skip
FIELDS = (
    "username", "password", "code", "begun", "ceremony", "credential", "client", "version", "passkey", "reason", "case",
    "of", "before", "state", "after", "done", "lang",
)  # fmt: skip


@pytest.fixture(autouse=True)
def _later(pages: Pages) -> Iterator[None]:
    yield
    pages.clock.advance(2 * 86_400)


def test_300_guesses_of_the_code_have_five_looked_at_and_one_row_in_the_trail(pages: Pages) -> None:
    """By somebody who has the password, from thirty browsers, within one hour (threats B01, B09)."""
    someone = on_duty(pages)
    pages.clock.advance(7200 - pages.clock.now() % 3600)
    store = pages.provider.realm.store
    looked_at = guesses = 0
    thieves = [Colleague(pages, someone.member, pages.visitor(), someone.secret) for _ in range(30)]
    while guesses < 300:
        for thief in thieves:
            thief.give_password()
            answer = thief.visitor.post(
                "/ops/factor", {"csrf": thief.token("/ops/factor"), "code": f"{guesses % 1_000_000:06}"}
            )
            guesses += 1
            assert answer.status_code in (400, 429)
            looked_at += answer.status_code == 400
    assert looked_at == CODES_PER_HOUR
    events = store.read(lambda tx: tx.audit.page_before(None, 5000))
    blocked = [event for event in events if event.kind is AuditKind.STAFF_FACTOR_BLOCKED]
    assert sum(event.subject == someone.member.id.hex() for event in blocked) == 1


def _duration(pages: Pages, name: str) -> float:
    begun = time.perf_counter()
    with pytest.raises(Refused, match="wrong"):
        open_half_session(pages.provider.realm, name, "a wrong password")
    return time.perf_counter() - begun


def _samples(pages: Pages, size: int) -> tuple[list[float], list[float]]:
    """Durations for names of staff and of nobody, interleaved, at the real cost of a password."""
    real = replace(pages.provider.realm, passwords=PasswordWork(width=2, queue=64))
    site = replace(pages, provider=replace(pages.provider, realm=real))
    known = [add_staff(real, f"timed-{size}-{number}", [StaffRole.OFFICER], PASSWORD).name for number in range(20)]
    order = [True, False] * size
    random.Random(6).shuffle(order)
    existing, unknown = [], []
    for number, exists in enumerate(order):
        if number % 100 == 0:
            pages.clock.advance(3600)
        if exists:
            existing.append(_duration(site, known[len(existing) % len(known)]))
        else:
            unknown.append(_duration(site, f"nobody-{size}-{number}"))
    return existing, unknown


def test_names_of_staff_cannot_be_told_by_time(pages: Pages) -> None:
    existing, unknown = _samples(pages, 60)
    assert 0.3 <= auc(existing, unknown) <= 0.7


@pytest.mark.long
def test_2000_names_of_staff_and_2000_of_nobody_cannot_be_told_apart_by_time(pages: Pages) -> None:
    measured = auc(*_samples(pages, 2000))
    print(f"AUC {measured:.3f}, n = 2000 a class")
    assert 0.45 <= measured <= 0.55


@pytest.mark.parametrize(
    "path",
    [
        "/ops/", "/ops//trail", "//ops/trail", "/OPS/trail", "/ops/trail/", "/ops/trail;x=1", "/ops/./trail",
        "/ops/%2e/trail", "/ops/sign-in/../trail", "/ops%2ftrail", "/ops/trail%00", "/ops/trail.json",
        "/ops/trail?role=operator",
    ],
)  # fmt: skip
@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "PUT", "DELETE", "PATCH", "TRACE"])
def test_no_other_spelling_or_method_opens_a_page(pages: Pages, path: str, method: str) -> None:
    for someone in (pages.visitor(), on_duty(pages, StaffRole.OFFICER).visitor):
        answer = someone.client.open(path, method=method, base_url=pages.provider.issuer, buffered=True)
        assert answer.status_code < 500
        assert "Audit trail" not in answer.text
        assert answer.status_code != 200 or method == "OPTIONS"
        if answer.status_code in (301, 302, 303, 307, 308):
            assert answer.location in ("/ops/sign-in", "/ops/factor")


@pytest.mark.parametrize("header", ["X-HTTP-Method-Override", "X-Original-URL", "X-Rewrite-URL", "X-Forwarded-Prefix"])
def test_no_header_changes_what_is_asked(pages: Pages, header: str) -> None:
    someone = on_duty(pages, StaffRole.OFFICER)
    answer = someone.visitor.get("/ops/records", **{header.replace("-", "_"): "/ops/trail"})
    assert "Audit trail" not in answer.text
    assert answer.status_code == 200


def test_garbage_in_every_field_of_every_page_is_no_server_error(pages: Pages) -> None:
    """As staff with every role, and half way in: 0 x 5xx (threats B14)."""
    someone, half = on_duty(pages), colleague(pages)
    half.give_password()
    asked = 0
    for line in (*ON_DUTY, *HALF_WAY):
        who = half if line in HALF_WAY else someone
        for nasty in NASTY:
            if "POST" in line.methods:
                answer = who.visitor.post(
                    line.path, {"csrf": who.token(line.path), **dict.fromkeys(FIELDS, nasty)}
                )
            else:
                answer = who.visitor.client.get(
                    line.path, base_url=pages.provider.issuer, query_string=dict.fromkeys(FIELDS, nasty), buffered=True
                )
            assert answer.status_code < 500, (line.path, nasty)
            asked += 1
            if who is half and who.visitor.get("/ops/enrol").status_code != 200:
                who.give_password()
    assert asked == (len(ON_DUTY) + len(HALF_WAY)) * len(NASTY)


def test_hostile_names_of_staff_stay_text(pages: Pages) -> None:
    operator = on_duty(pages, StaffRole.OPERATOR)
    add_staff(pages.provider.realm, '"><img src=x onerror=alert(1)>', [StaffRole.OFFICER], PASSWORD)
    text = operator.visitor.get("/ops/trail?of=staff").text
    assert "<img src=x" not in text
    assert "&lt;img src=x" in text
    with pytest.raises(Refused, match="username"):
        add_staff(pages.provider.realm, "grace\u202e", [StaffRole.OFFICER], PASSWORD)


def test_a_copied_cookie_is_dead_once_its_owner_signs_out(pages: Pages) -> None:
    someone = on_duty(pages)
    copied = someone.visitor.cookie("staff") or ""
    form = forms_of(someone.visitor.get("/ops"))[0]
    assert someone.visitor.post(form.action, form.fields).status_code == 303
    thief = pages.visitor()
    thief.client.set_cookie("blindage_staff", copied, domain="127.0.0.1")
    assert thief.get("/ops").location == "/ops/sign-in"


def test_a_form_token_of_one_member_is_not_good_for_another(pages: Pages) -> None:
    someone, other = on_duty(pages), on_duty(pages)
    for line in OPS_PAGES:
        if "POST" in line.methods and line.path not in ("/ops/sign-in",):
            stolen = {"csrf": someone.token(line.path)}
            assert other.visitor.post(line.path, stolen).status_code == 403, line.path


def test_pages_of_staff_carry_the_headers_of_all_pages(pages: Pages) -> None:
    someone = on_duty(pages)
    for line in ON_DUTY:
        if "GET" in line.methods and "options" not in line.path:
            headers = someone.visitor.get(line.path).headers
            policy = headers["Content-Security-Policy"]
            assert "default-src 'none'" in policy and "frame-ancestors 'none'" in policy, line.path
            assert "unsafe" not in policy
            assert headers["Cache-Control"] == "no-store"
            assert headers["X-Frame-Options"] == "DENY"
            assert headers["Referrer-Policy"] == "no-referrer"
