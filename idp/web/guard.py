"""The guard of every posted form: it must come from a page of ours, in the browser that page was made for."""

from enum import Enum

from idp.protocol.errors import InvalidRequest
from idp.protocol.parameters import repeated
from idp.web.csrf import FIELD, from_own_page
from idp.web.errors import PageError
from idp.web.fields import read_form
from idp.web.site import Visit


class Guard(Enum):
    """What a POST must prove. NOTHING is for forms that apps send; SESSION is the rule, STAFF that of /ops."""

    NOTHING = "nothing"
    BROWSER = "browser"
    SESSION = "session"
    STAFF = "staff"


def admit(visit: Visit, guard: Guard, path: str) -> None:
    """Read the posted form into the visit; PageError 403 unless it was made here for this browser and this path.

    BROWSER leaves the session out: a sign-in page stays good when somebody signs in beside it.
    """
    headers = visit.request.headers
    if guard is not Guard.NOTHING and not from_own_page(
        headers.get("Origin"), headers.get("Sec-Fetch-Site"), visit.site.origin
    ):
        raise PageError("forged", 403)
    visit.form = read_form(visit.environ)
    if guard is Guard.NOTHING:
        return
    given = visit.form.values(FIELD)
    tokens = visit.staff_form_tokens if guard is Guard.STAFF else visit.form_tokens
    if (
        visit.sent_browser is None
        or len(given) != 1
        or not tokens.holds(given[0], path, with_session=guard is not Guard.BROWSER)
    ):
        raise PageError("forged", 403)
    visit.form.check()
    # RFC 6749, section 3.1: what a form of ours says once must not come twice, whoever would read it.
    if repeated(visit.form.pairs) is not None:
        raise InvalidRequest("a field is repeated")
