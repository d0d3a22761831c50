"""The guard of every posted form: it must come from a page of ours, in the browser that page was made for."""

from enum import Enum

from idp.protocol.errors import InvalidRequest
from idp.protocol.parameters import repeated
from idp.web.csrf import FIELD, from_own_page
from idp.web.errors import PageError
from idp.web.fields import read_form
from idp.web.site import Visit


class Guard(Enum):
    """What a POST must prove. NOTHING is for requests that apps send by a form; SESSION is the rule."""

    NOTHING = "nothing"
    BROWSER = "browser"
    SESSION = "session"


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
    tokens = visit.form.values(FIELD)
    if (
        visit.sent_browser is None
        or len(tokens) != 1
        or not visit.form_tokens.holds(tokens[0], path, with_session=guard is Guard.SESSION)
    ):
        raise PageError("forged", 403)
    visit.form.check()
    # RFC 6749, section 3.1: what a form of ours says once must not come twice, whoever would read it.
    if repeated(visit.form.pairs) is not None:
        raise InvalidRequest("a field is repeated")
