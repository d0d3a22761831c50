"""Times as pages show them: on the clock of the policy's zone, in the page's language."""

from datetime import UTC, date, datetime

from babel.dates import format_date, format_datetime
from flask_babel import get_locale

from idp.web.site import Visit


def day(visit: Visit, at: int) -> str:
    """The date of a moment (epoch seconds)."""
    zone = visit.realm.policy.time_zone
    return public_day(datetime.fromtimestamp(at, UTC).astimezone(zone).date())


def public_day(on: date) -> str:
    """A date that is the same in every zone, as the page's language writes it."""
    return format_date(on, "long", get_locale())


def moment(visit: Visit, at: int) -> str:
    """Date and time of a moment (epoch seconds), with the zone."""
    zone = visit.realm.policy.time_zone
    return format_datetime(datetime.fromtimestamp(at, UTC), "long", zone, get_locale())
