"""Refusals of the domain: each names what is wrong in one stable word; the edges map them to answers."""


class DomainError(Exception):
    """Base of every refusal the domain and its ports raise on purpose."""

    reason = "refused"


class Refused(DomainError):
    """A rule says no. `reason` is a stable word for the caller, the text is for people."""

    def __init__(self, reason: str, text: str) -> None:
        super().__init__(text)
        self.reason = reason


class Conflict(DomainError):
    """A unique thing exists already (an insert met a unique key)."""

    reason = "conflict"


class Unavailable(DomainError):
    """Storage cannot answer now; nothing was acknowledged. Edges answer 503 with `Retry-After`."""

    reason = "unavailable"


class Busy(Unavailable):
    """A bounded queue is full; try again shortly. Edges answer 503 with `Retry-After`."""

    reason = "busy"


class FetchRefused(DomainError):
    """A request to an address outside was not made, or has no acceptable answer. `reason` is a stable word.

    `bad_address`, `not_global`, `redirect`, `too_large` are the guard's; `busy`, `unresolvable`, `unreachable`,
    `timeout`, `bad_status` say that the other side does not answer as it should.
    """

    def __init__(self, reason: str, text: str) -> None:
        super().__init__(text)
        self.reason = reason
