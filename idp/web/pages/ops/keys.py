"""`/ops/keys`: signing keys and their life."""

from flask import Response, url_for

from idp.services.keys import rotate_now
from idp.services.staff_sign_in import OnDuty
from idp.web.answer import page, see_other
from idp.web.moment import moment
from idp.web.site import Visit


def show(visit: Visit, duty: OnDuty) -> Response:
    """Every key, and since when it is what it is."""
    kept = visit.realm.store.read(lambda tx: tx.keys.signing_keys())
    return page(
        "ops/keys.html",
        keys=[
            {
                "kid": key.kid,
                "alg": key.alg,
                "state": key.state.value,
                "since": moment(visit, key.retired_at or key.retiring_at or key.activated_at or key.created_at),
            }
            for key in sorted(kept, key=lambda key: (key.alg, key.created_at))
        ],
        done=visit.query.get("done"),
    )


def rotate(visit: Visit, duty: OnDuty) -> Response:
    """Publish a successor of every key; it signs once every verifier can have fetched it."""
    rotate_now(visit.realm.store, visit.realm.clock, by=duty.member.id)
    return see_other(url_for("ops.keys", done="ordered"))
