"""`blindage staff`: the people who run this issuer, and what they may do at /ops."""

import sys

import click

from idp.cli.terminal import as_json, opened_provider, say, show
from idp.domain.staff import StaffMember, StaffRole
from idp.services import staff as members

_ROLES = click.Choice([role.value for role in StaffRole])


@click.group()
def staff() -> None:
    """The people who run this issuer. Apart from everybody's accounts."""


@staff.command()
@click.option("--username", required=True)
@click.option("--role", "roles", type=_ROLES, multiple=True, required=True, help="May be given several times.")
@click.option("--password-stdin", is_flag=True, required=True, help="Read the password from standard input.")
@as_json
def add(username: str, roles: tuple[str, ...], password_stdin: bool, as_json: bool) -> None:
    """Add a member. The second factor is set up at the first sign-in at /ops, within three days."""
    password = sys.stdin.readline().rstrip("\r\n")
    with opened_provider() as provider:
        made = members.add_staff(provider.realm, username, map(StaffRole, roles), password)
    say("member added; the second factor is set up at /ops")
    show(_shown(made), as_json)


@staff.command("list")
@as_json
def list_staff(as_json: bool) -> None:
    """List members: id, name, roles, second factor set or not."""
    with opened_provider() as provider:
        found = members.all_staff(provider.realm)
    show([_shown(member) for member in found], as_json)


@staff.command()
@click.option("--username", required=True)
@as_json
def remove(username: str, as_json: bool) -> None:
    """Remove a member; every session ends at once. The audit trail keeps the name."""
    with opened_provider() as provider:
        removed = members.remove_staff(provider.realm, username)
    say("member removed")
    show(_shown(removed), as_json)


@staff.command("set-roles")
@click.option("--username", required=True)
@click.option("--role", "roles", type=_ROLES, multiple=True, required=True, help="All the member has from now on.")
@as_json
def set_roles(username: str, roles: tuple[str, ...], as_json: bool) -> None:
    """Give a member these roles and no others. It holds from the next request on."""
    with opened_provider() as provider:
        changed = members.set_staff_roles(provider.realm, username, map(StaffRole, roles))
    say("roles changed")
    show(_shown(changed), as_json)


@staff.command("reset-password")
@click.option("--username", required=True)
@click.option("--password-stdin", is_flag=True, required=True, help="Read the password from standard input.")
@as_json
def reset_password(username: str, password_stdin: bool, as_json: bool) -> None:
    """Set a new password; every session ends. The second factor stays."""
    password = sys.stdin.readline().rstrip("\r\n")
    with opened_provider() as provider:
        changed = members.reset_staff_password(provider.realm, username, password)
    say("password changed")
    show(_shown(changed), as_json)


@staff.command("reset-factor")
@click.option("--username", required=True)
@as_json
def reset_factor(username: str, as_json: bool) -> None:
    """Forget a lost second factor, passkeys too. Every session ends. First make sure who asks for it."""
    with opened_provider() as provider:
        members.reset_staff_factor(provider.realm, username)
        changed = members.need_staff(provider.realm, username)
    say("second factor forgotten; it is set up anew at /ops within three days")
    show(_shown(changed), as_json)


def _shown(member: StaffMember) -> dict[str, object]:
    return {
        "staff": member.id.hex(),
        "username": member.name,
        "roles": sorted(role.value for role in member.roles),
        "factor": "totp" if member.totp_secret is not None else None,
        "enrol_until": member.enrol_until or None,
    }
