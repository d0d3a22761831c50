"""`/ops/trail`: the audit trail, newest first. It names apps and staff; of people it says that there was one."""

from dataclasses import dataclass

from flask import Response

from idp.domain.audit_event import AuditEvent, AuditKind
from idp.domain.identifiers import ID_BYTES
from idp.protocol.errors import InvalidRequest
from idp.services.staff import all_staff
from idp.services.staff_sign_in import OnDuty
from idp.web.answer import page
from idp.web.moment import moment
from idp.web.site import Visit

_ROWS = 50
_ROWS_SEEN = 500
"""With a choice, this many rows are looked at for each page: the trail is long, and has no index on its kinds."""

CHOICES = {
    "all": "",
    "staff": "staff.",
    "apps": "client.",
    "people": "account.",
    "keys": "key.",
}
"""What can be chosen, and how the kinds of its events begin."""


@dataclass(frozen=True, slots=True)
class Line:
    """One row as an operator sees it. `who` is a member of staff; `subject` an app, a key, a host."""

    at: str
    kind: str
    who: str | None
    subject: str | None
    somebody: bool
    details: str


def show(visit: Visit, duty: OnDuty) -> Response:
    """One page of the trail."""
    choice = visit.query.get("of") or "all"
    if choice not in CHOICES:
        raise InvalidRequest("there is no such choice")
    seen = _ROWS if choice == "all" else _ROWS_SEEN
    before = _before(visit.query.get("before"))
    events = visit.realm.store.read(lambda tx: tx.audit.page_before(before, seen))
    names = {member.id.hex(): member.name for member in all_staff(visit.realm)}
    chosen = [event for event in events if event.kind.value.startswith(CHOICES[choice])]
    return page(
        "ops/trail.html",
        lines=[_line(visit, event, names) for event in chosen],
        choice=choice,
        choices=list(CHOICES),
        older=events[-1].id.hex() if len(events) == seen else None,
    )


def _line(visit: Visit, event: AuditEvent, names: dict[str, str]) -> Line:
    by_staff = event.kind.value.startswith("staff.") or event.kind is AuditKind.KEY_ROTATION_ORDERED
    details = dict(event.details)
    actor = details.pop("staff", None) or (event.subject if by_staff else None)
    # What an event says of an account is for its person; that staff looked at one, and why, is for operators.
    told = event.account_id is None or event.kind is AuditKind.STAFF_READ
    subject = event.client_id or (None if by_staff or event.account_id is not None else event.subject)
    return Line(
        at=moment(visit, event.at),
        kind=event.kind.value,
        who=names.get(actor, actor) if actor is not None else None,
        subject=subject,
        somebody=event.account_id is not None,
        details=", ".join(f"{name} {value}" for name, value in details.items()) if told else "",
    )


def _before(text: str | None) -> bytes | None:
    if text is None:
        return None
    try:
        before = bytes.fromhex(text)
    except ValueError as error:
        raise InvalidRequest("before is malformed") from error
    if len(before) != ID_BYTES:
        raise InvalidRequest("before is malformed")
    return before
