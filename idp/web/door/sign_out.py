"""`/logout` at the door: nobody is signed in here; the app's own session is all that ends (RP-Initiated Logout 1.0)."""

from flask import Response

from idp.protocol.door.door import Door
from idp.protocol.logout import check_logout
from idp.web.answer import page, see_other
from idp.web.site import Visit


def ask(door: Door, visit: Visit) -> Response:
    """Back to the app where it proves its address by an ID token of ours; else a page that says what this means."""
    fields = visit.form if visit.request.method == "POST" else visit.query
    fields.check()
    asked = check_logout(door.provider, list(fields.pairs), None)
    return page("door_signed_out.html") if asked.location is None else see_other(asked.location)
