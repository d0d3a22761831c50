"""A request that waits for its person, as pages carry it: opened for work, sealed for the next page."""

from dataclasses import dataclass, replace

from idp.domain.client import Client
from idp.protocol.authorization.pending import Pending, open_pending, seal_pending
from idp.protocol.authorization.request import AuthorizationRequest
from idp.web.fields import Fields
from idp.web.security_headers import form_source
from idp.web.site import Visit

FIELD = "request"


@dataclass(frozen=True, slots=True)
class Interaction:
    """A pending authorization request of this browser; `sealed` is its text for links and hidden fields."""

    pending: Pending
    sealed: str

    @property
    def client(self) -> Client:
        """The app that asks."""
        return self.pending.request.client

    @property
    def redirect_uri(self) -> str | None:
        """Where the app will be answered; None for a device, which fetches its answer."""
        request = self.pending.request
        return request.redirect_uri if isinstance(request, AuthorizationRequest) else None


def continue_interaction(visit: Visit, fields: Fields) -> Interaction | None:
    """The interaction a page was asked for, None when it names none; PendingExpired when it is not this browser's."""
    sealed = fields.get(FIELD)
    return None if sealed is None else _opened(visit, sealed)


def need_interaction(visit: Visit, fields: Fields) -> Interaction:
    """The interaction of a page that cannot be without one; InvalidRequest when it names none."""
    return _opened(visit, visit.need(fields, FIELD))


def _opened(visit: Visit, sealed: str) -> Interaction:
    """From here on the page's form may end at the app, and the app's wishes for a language count.

    A language chosen on this very page takes their place for the rest of the way.
    """
    pending = open_pending(visit.provider, sealed, visit.browser)
    if visit.chosen_language is not None:
        pending = replace(pending, request=replace(pending.request, ui_locales=(visit.chosen_language,)))
        sealed = seal_pending(visit.provider, pending, visit.browser)
    visit.ui_locales = pending.request.ui_locales
    interaction = Interaction(pending, sealed)
    if interaction.redirect_uri is not None:
        visit.form_targets = (form_source(interaction.redirect_uri),)
    return interaction
