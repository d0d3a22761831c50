"""`/ops`: what this member may do."""

from flask import Response

from idp.domain.staff import StaffRole
from idp.services.staff_sign_in import OnDuty
from idp.web.answer import page
from idp.web.site import Visit


def show(visit: Visit, duty: OnDuty) -> Response:
    """The member's name and duties."""
    roles = [role.value for role in StaffRole if role in duty.member.roles]
    return page("ops/home.html", name=duty.member.name, roles=roles)
