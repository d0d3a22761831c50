"""Who may open which page of /ops: nobody, unless its line in the table says so (threats B10, E02)."""

from collections.abc import Callable
from dataclasses import dataclass

from flask import Response, url_for

from idp.domain.staff import StaffRole
from idp.services.staff_looks import note_look
from idp.services.staff_sign_in import OnDuty
from idp.web.answer import see_other
from idp.web.errors import PageError
from idp.web.guard import Guard
from idp.web.page import Page
from idp.web.site import Visit

View = Callable[[Visit, OnDuty], Response]


@dataclass(frozen=True, slots=True)
class DutyPage:
    """A page for members with a whole session; `role` whom it is for, None for each of them.

    `shows` is the word the audit trail gets before the page is made; None where a page shows only what is its reader's.
    """

    path: str
    endpoint: str
    view: View
    methods: tuple[str, ...] = ("GET",)
    role: StaffRole | None = None
    shows: str | None = None

    def page(self) -> Page:
        """The line for the table of all pages."""
        return Page(self.path, self.endpoint, self._answer, self.methods, Guard.STAFF)

    def _answer(self, visit: Visit) -> Response:
        # 1. Somebody is signed in.
        duty = visit.duty
        if duty is None:
            return see_other(url_for("ops.sign_in"))
        # 2. The second factor was shown.
        if duty.session.factor is None:
            return see_other(url_for("ops.factor"))
        # 3. The role is theirs, now.
        if self.role is not None and self.role not in duty.member.roles:
            raise PageError("staff_role", 403)
        # 4. The look is written down. Unavailable ends here: nothing has been read yet.
        if self.shows is not None:
            note_look(visit.realm, duty, self.shows)
        return self.view(visit, duty)


@dataclass(frozen=True, slots=True)
class HalfPage:
    """A page between the password and the second factor."""

    path: str
    endpoint: str
    view: View
    methods: tuple[str, ...] = ("GET",)

    def page(self) -> Page:
        """The line for the table of all pages."""
        return Page(self.path, self.endpoint, self._answer, self.methods, Guard.STAFF)

    def _answer(self, visit: Visit) -> Response:
        duty = visit.duty
        if duty is None:
            return see_other(url_for("ops.sign_in"))
        if duty.session.factor is not None:
            return see_other(url_for("ops"))
        return self.view(visit, duty)
