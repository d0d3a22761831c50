"""Every role at every page of /ops: who is named in the table gets in, nobody else does (threats B10, C22)."""

from dataclasses import dataclass

import pytest
from werkzeug.test import TestResponse

from idp.domain.client import ClientState
from idp.domain.staff import StaffRole
from idp.services.staff import set_staff_roles
from idp.web.pages.application import PAGES
from idp.web.pages.ops.gate import DutyPage
from idp.web.pages.ops.table import HALF_WAY, ON_DUTY, OPS_PAGES, OUTSIDE
from tests.web.conftest import Pages
from tests.web.staff import Colleague, colleague, on_duty
from tests.web.test_ops_passkeys import enrolled

ROLES = tuple(StaffRole)
# Written out once more: the table alone could not be wrong.
ALLOWED = {
    ("GET", "/ops"): set(ROLES),
    ("GET", "/ops/passkeys"): set(ROLES),
    ("GET", "/ops/passkeys/options"): set(ROLES),
    ("POST", "/ops/passkeys"): set(ROLES),
    ("POST", "/ops/passkeys/remove"): set(ROLES),
    ("GET", "/ops/apps"): {StaffRole.REVIEWER},
    ("GET", "/ops/apps/app"): {StaffRole.REVIEWER},
    ("POST", "/ops/apps/review"): {StaffRole.REVIEWER},
    ("POST", "/ops/apps/suspend"): {StaffRole.REVIEWER},
    ("GET", "/ops/records"): {StaffRole.OFFICER},
    ("POST", "/ops/records"): {StaffRole.OFFICER},
    ("GET", "/ops/trail"): {StaffRole.OPERATOR},
    ("GET", "/ops/keys"): {StaffRole.OPERATOR},
    ("POST", "/ops/keys/rotate"): {StaffRole.OPERATOR},
}
WHO = (*ROLES, "person", "nobody", "half")


@dataclass
class Cast:
    """Somebody of each kind, and what the pages are asked about."""

    pages: Pages
    by_kind: dict[str, Colleague]
    fields: dict[str, str]
    query: str

    def ask(self, who: str, method: str, path: str) -> TestResponse:
        """One request, with a valid form token as far as one can be made."""
        someone = self.by_kind[who]
        if method == "GET":
            return someone.visitor.get(path + (self.query if path == "/ops/apps/app" else ""))
        token = someone.token(path)
        return someone.visitor.post(path, {"csrf": token, **self.fields})


@pytest.fixture(scope="module")
def cast(https_pages: Pages) -> Cast:
    pages = https_pages
    by_kind: dict[str, Colleague] = {role: on_duty(pages, role) for role in ROLES}
    for kind in ("person", "nobody", "half"):
        by_kind[kind] = colleague(pages)
    by_kind["person"].visitor = pages.signed_in(pages.person())
    by_kind["nobody"].visitor.get("/ops/sign-in")
    by_kind["half"].give_password()
    client = pages.app_client(state=ClientState.PENDING)
    record = pages.person()
    fields = {
        "client": client.id, "version": "1", "username": record.username, "reason": "request", "case": "2026-1",
        "passkey": "00" * 32,
    }  # fmt: skip
    return Cast(pages, by_kind, fields, f"?client={client.id}")


def test_the_table_says_what_this_test_says() -> None:
    said = {
        (method, line.path): set(ROLES) if line.role is None else {line.role}
        for line in ON_DUTY
        for method in line.methods
    }
    assert said == ALLOWED
    assert {line.path for line in PAGES if line.path.startswith("/ops")} == {line.path for line in OPS_PAGES}
    # What is neither outside nor half way has a role's line or is a member's own page: nothing is open by oversight.
    own = {line.path for line in ON_DUTY if line.role is None}
    assert own == {"/ops", "/ops/passkeys", "/ops/passkeys/options", "/ops/passkeys/remove"}
    assert len(OPS_PAGES) == len(OUTSIDE) + len(HALF_WAY) + len(ON_DUTY)


@pytest.mark.parametrize("who", WHO)
@pytest.mark.parametrize(("method", "path"), sorted(ALLOWED))
def test_each_role_opens_its_pages_and_no_other(cast: Cast, who: str, method: str, path: str) -> None:
    answer = cast.ask(who, method, path)
    if who in ("person", "nobody", "half"):
        # Without a session a form token cannot be made either; a half session has one and is sent on.
        refused = answer.status_code == 403 or (answer.status_code, answer.location) in (
            (303, "/ops/sign-in"), (303, "/ops/factor")
        )  # fmt: skip
        assert refused, answer.status_code
        return
    if who in ALLOWED[method, path]:
        assert answer.status_code != 403
        assert answer.location is None or answer.location.startswith(path.rpartition("/")[0])
    else:
        assert answer.status_code == 403
        assert "This is not among your duties" in answer.text


def test_a_refused_form_does_nothing(cast: Cast) -> None:
    store, client_id = cast.pages.provider.realm.store, cast.fields["client"]
    store.write(lambda tx: tx.clients.set_state(client_id, ClientState.PENDING))
    for who in (StaffRole.OPERATOR, StaffRole.OFFICER, "half"):
        cast.ask(who, "POST", "/ops/apps/suspend")
    current = store.read(lambda tx: tx.clients.current(client_id))
    assert current is not None
    assert current.state is not ClientState.SUSPENDED
    keys = len(store.read(lambda tx: tx.keys.signing_keys()))
    for who in (StaffRole.REVIEWER, StaffRole.OFFICER, "half"):
        cast.ask(who, "POST", "/ops/keys/rotate")
    assert len(store.read(lambda tx: tx.keys.signing_keys())) == keys
    cast.ask(StaffRole.REVIEWER, "POST", "/ops/apps/suspend")
    suspended = store.read(lambda tx: tx.clients.current(client_id))
    assert suspended is not None
    assert suspended.state is ClientState.SUSPENDED


def test_a_role_that_is_taken_away_is_gone_at_the_next_request(https_pages: Pages) -> None:
    someone = on_duty(https_pages, StaffRole.OPERATOR)
    assert someone.visitor.get("/ops/trail").status_code == 200
    set_staff_roles(https_pages.provider.realm, someone.name, [StaffRole.OFFICER])
    assert someone.visitor.get("/ops/trail").status_code == 403
    assert someone.visitor.get("/ops/records").status_code == 200


def test_nobody_gives_themselves_a_role(https_pages: Pages) -> None:
    """Roles are given on the machine alone: no field of any form is one."""
    someone = on_duty(https_pages, StaffRole.REVIEWER)
    for line in ON_DUTY:
        if "POST" in line.methods:
            token = someone.token(line.path)
            someone.visitor.post(line.path, {"csrf": token, "role": "officer", "roles": "officer operator"})
    assert someone.now().roles == {StaffRole.REVIEWER}


def test_no_page_of_staff_changes_an_age(https_pages: Pages) -> None:
    """Threats C22: staff at /ops cannot make anybody an adult, alone or together."""
    child, someone = https_pages.person("child"), on_duty(https_pages)
    store = https_pages.provider.realm.store
    before = store.read(lambda tx: tx.accounts.get(child.id))
    for line in ON_DUTY:
        if "POST" in line.methods:
            fields = {
                "csrf": someone.token(line.path), "username": child.username, "birthdate": "1980-01-01",
                "assurance": "strict", "band": "adult", "reason": "request", "case": "1",
            }  # fmt: skip
            assert someone.visitor.post(line.path, fields).status_code < 500
    after = store.read(lambda tx: tx.accounts.get(child.id))
    assert before is not None and after is not None
    assert after.age == before.age


def test_what_is_somebody_elses_is_like_what_is_not_there(https_pages: Pages) -> None:
    """Threats B10: a passkey of another member is not removed, and the answer does not tell that it exists."""
    owner, _ = enrolled(https_pages)
    thief = on_duty(https_pages)
    store = https_pages.provider.realm.store
    kept = store.read(lambda tx: tx.staff_passkeys.of_member(owner.member.id))
    token = thief.token("/ops/passkeys/remove")
    for passkey in (kept[0].id.hex(), "00" * 32):
        answer = thief.visitor.post("/ops/passkeys/remove", {"csrf": token, "passkey": passkey})
        assert answer.location == "/ops/passkeys?done=removed"
    assert store.read(lambda tx: tx.staff_passkeys.of_member(owner.member.id)) == kept


def test_a_line_of_the_table_with_no_role_named_shows_nothing_that_is_not_its_readers() -> None:
    assert all(line.shows is None for line in ON_DUTY if isinstance(line, DutyPage) and line.role is None)
