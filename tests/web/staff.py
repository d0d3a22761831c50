"""Staff at the pages: a member with a browser and an authenticator app."""

import base64
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import count

from werkzeug.test import TestResponse

from crypto import totp
from crypto.encoding import b64url_decode
from idp.domain.session import session_id
from idp.domain.staff import StaffMember, StaffRole
from idp.services.staff import add_staff, need_staff
from idp.web.csrf import FormTokens
from tests.web.conftest import Pages
from tests.web.visitor import PASSWORD, Form, Visitor, forms_of

EVERY_ROLE = tuple(StaffRole)
_numbers = count(1)


@dataclass
class Colleague:
    """One member of staff, the browser they use, and the secret their authenticator app keeps."""

    pages: Pages
    member: StaffMember
    visitor: Visitor
    secret: bytes | None = None

    @property
    def name(self) -> str:
        """What this member signs in with."""
        return self.member.name

    def code(self, steps: int = 0) -> str:
        """What the authenticator app shows, or showed some steps ago."""
        assert self.secret is not None
        return totp.code_at(self.secret, totp.step_at(self.pages.clock.now()) + steps)

    def give_password(self, password: str = PASSWORD) -> TestResponse:
        """The first step of a sign-in, on a form that was open before this browser had a session."""
        if self.visitor.cookie("browser") is None:
            self.visitor.get("/ops/sign-in")
        browser = b64url_decode(self.visitor.cookie("browser") or "")
        token = FormTokens(self.pages.provider.realm.ring, browser, b"").token("/ops/sign-in", with_session=False)
        return self.visitor.post("/ops/sign-in", {"csrf": token, "username": self.name, "password": password})

    def give_code(self, code: str) -> TestResponse:
        """The second step."""
        return self.visitor.submit(self.visitor.get("/ops/factor"), {"code": code})

    def enrol(self) -> TestResponse:
        """The second step of the first sign-in: scan the picture, type the code."""
        page = self.visitor.get("/ops/enrol")
        self.secret = secret_on(page)
        return self.visitor.submit(page, {"code": self.code()})

    def sign_in(self) -> "Colleague":
        """The whole way in, with a fresh code."""
        if self.secret is None:
            assert self.give_password().location == "/ops/factor"
            assert self.enrol().location == "/ops"
        else:
            self.pages.clock.advance(totp.STEP_SECONDS)
            assert self.give_password().location == "/ops/factor"
            assert self.give_code(self.code()).location == "/ops"
        return self

    def form(self, page: str, action: str) -> Form:
        """The form of a page that posts to an address."""
        return next(form for form in forms_of(self.visitor.get(page)) if form.action == action)

    def token(self, path: str) -> str:
        """The form token of a path, whether or not a page shows it to this member."""
        browser = b64url_decode(self.visitor.cookie("browser") or "")
        session = session_id(b64url_decode(self.visitor.cookie("staff") or ""))
        return FormTokens(self.pages.provider.realm.ring, browser, b"staff" + session).token(path)

    def now(self) -> StaffMember:
        """The member as the database has it."""
        return need_staff(self.pages.provider.realm, self.name)


def colleague(pages: Pages, roles: Iterable[StaffRole] = EVERY_ROLE) -> Colleague:
    """A new member who has not signed in yet."""
    member = add_staff(pages.provider.realm, f"staff-{next(_numbers)}", roles, PASSWORD)
    return Colleague(pages, member, pages.visitor())


def on_duty(pages: Pages, *roles: StaffRole) -> Colleague:
    """A new member of these roles (of every one when none is named), signed in."""
    return colleague(pages, roles or EVERY_ROLE).sign_in()


def secret_on(page: TestResponse) -> bytes:
    """The secret that the enrolment page shows as text."""
    text = page.text.partition('id="secret">')[2].partition("<")[0].replace(" ", "")
    return base64.b32decode(text + "=" * (-len(text) % 8))
