"""Every page of /ops, and whom it is for. `docs/operations.md` has the same table for people."""

from idp.domain.staff import StaffRole
from idp.web.guard import Guard
from idp.web.page import Page
from idp.web.pages.ops import apps, enrolment, factor, home, keys, passkeys, records, sign_in, trail
from idp.web.pages.ops.gate import DutyPage, HalfPage

_POST = ("POST",)

OUTSIDE = (
    Page("/ops/sign-in", "ops.sign_in", sign_in.show),
    Page("/ops/sign-in", "ops.sign_in.submit", sign_in.submit, _POST, Guard.BROWSER),
    Page("/ops/sign-out", "ops.sign_out", sign_in.sign_out, _POST, Guard.STAFF),
)

HALF_WAY = (
    HalfPage("/ops/factor", "ops.factor", factor.show),
    HalfPage("/ops/factor", "ops.factor.submit", factor.submit, _POST),
    HalfPage("/ops/factor/passkey", "ops.factor.begin_passkey", factor.begin_passkey),
    HalfPage("/ops/factor/passkey", "ops.factor.passkey", factor.by_passkey, _POST),
    HalfPage("/ops/enrol", "ops.enrol", enrolment.show),
    HalfPage("/ops/enrol", "ops.enrol.submit", enrolment.submit, _POST),
)

ON_DUTY = (
    DutyPage("/ops", "ops", home.show),
    DutyPage("/ops/passkeys", "ops.passkeys", passkeys.show),
    DutyPage("/ops/passkeys/options", "ops.passkeys.begin", passkeys.begin),
    DutyPage("/ops/passkeys", "ops.passkeys.add", passkeys.add, _POST),
    DutyPage("/ops/passkeys/remove", "ops.passkeys.remove", passkeys.remove, _POST),
    DutyPage("/ops/apps", "ops.apps", apps.show, role=StaffRole.REVIEWER, shows="apps"),
    DutyPage("/ops/apps/app", "ops.app", apps.show_one, role=StaffRole.REVIEWER, shows="app"),
    # A review that is refused shows the app as it is now.
    DutyPage("/ops/apps/review", "ops.apps.review", apps.review, _POST, StaffRole.REVIEWER, shows="app"),
    DutyPage("/ops/apps/suspend", "ops.apps.suspend", apps.suspend, _POST, StaffRole.REVIEWER),
    DutyPage("/ops/records", "ops.records", records.show, role=StaffRole.OFFICER),
    # The row of the trail is the service's there: it names the record and the reason.
    DutyPage("/ops/records", "ops.records.look", records.look, _POST, StaffRole.OFFICER),
    DutyPage("/ops/trail", "ops.trail", trail.show, role=StaffRole.OPERATOR, shows="trail"),
    DutyPage("/ops/keys", "ops.keys", keys.show, role=StaffRole.OPERATOR, shows="keys"),
    DutyPage("/ops/keys/rotate", "ops.keys.rotate", keys.rotate, _POST, StaffRole.OPERATOR),
)

OPS_PAGES = (*OUTSIDE, *(line.page() for line in HALF_WAY), *(line.page() for line in ON_DUTY))
