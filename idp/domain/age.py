"""Ages as public change dates: what evidence leaves behind once the birth date is forgotten.

A person's age state says which threshold is met, and on which public date the next one will be. It only
grows, but for a correction by a stronger source, which waits for a public date too.
"""

import struct
from dataclasses import dataclass, replace
from datetime import date
from enum import StrEnum

from idp.domain.errors import Refused
from idp.domain.policy import ADULT_AGE, OLDEST_AGE, Policy
from idp.domain.public_date import begins, next_public_date, public_date, takes_effect, years_on

_FORMAT = 1
_HEAD = struct.Struct(">BBHBB")  # met, next, year of `on`, month of `on`, number of thresholds
_CORRECTION = struct.Struct(">HBB")  # year, month, rank of the assurance


class AgeError(Refused):
    """A birth date or a stored state is refused: `birth_in_future`, `birth_too_long_ago`, `bad_age_state`."""


class Band(StrEnum):
    """The value of `age_band`; the threshold is 18."""

    MINOR = "minor"
    ADULT = "adult"


class Assurance(StrEnum):
    """How well an age was established, weakest first (IEEE 2089.1).

    Texts compare by the alphabet, which is another order, so the comparisons are defined anew, by rank.
    """

    ASSERTED = "asserted"
    STANDARD = "standard"
    ENHANCED = "enhanced"
    STRICT = "strict"

    @property
    def rank(self) -> int:
        """1 for the weakest, 4 for the strongest."""
        return _RANKS.index(self) + 1

    def meets(self, minimum: "Assurance") -> bool:
        """Whether this is `minimum` or better."""
        return self.rank >= minimum.rank

    def __lt__(self, other: str) -> bool:
        return self.rank < Assurance(other).rank

    def __le__(self, other: str) -> bool:
        return self.rank <= Assurance(other).rank

    def __gt__(self, other: str) -> bool:
        return self.rank > Assurance(other).rank

    def __ge__(self, other: str) -> bool:
        return self.rank >= Assurance(other).rank


_RANKS = tuple(Assurance)


@dataclass(frozen=True, slots=True)
class Correction:
    """What replaces an age state on the public date `on`: a stronger source's `state` and its `assurance`."""

    on: date
    state: "AgeState"
    assurance: Assurance

    def __post_init__(self) -> None:
        if self.on.day != 1 or self.state.correction is not None:
            raise _bad("a correction waits for a first of a month, and has none of its own")


@dataclass(frozen=True, slots=True)
class AgeState:
    """The age of a person as far as it is kept. Ages in years; moments (`now`) in epoch seconds.

    `met` is the highest threshold reached, 0 for none; `next` the one after it, reached on the public date
    `on`; both None at the top, where nothing of the birth date is left. `thresholds` is the fixed list known
    when the evidence came, or given to `under` since. AgeError `bad_age_state` when these do not agree.
    """

    met: int
    next: int | None
    on: date | None
    thresholds: tuple[int, ...]
    correction: Correction | None = None

    def __post_init__(self) -> None:
        ages = self.thresholds
        if ADULT_AGE not in ages or list(ages) != sorted(set(ages)) or ages[0] < 1 or ages[-1] >= OLDEST_AGE:
            raise _bad("thresholds are not ascending ages with 18 among them")
        if not 0 <= self.met < OLDEST_AGE or self.next != next((age for age in ages if age > self.met), None):
            raise _bad("`next` is not the threshold after `met`")
        if (self.on is None) != (self.next is None):
            raise _bad("`next` and its date go together")
        if self.on is not None and (self.on.day != 1 or not OLDEST_AGE < self.on.year < 9999 - OLDEST_AGE):
            raise _bad("`on` is not a public date")

    @classmethod
    def from_birthdate(cls, birth: date, now: int, policy: Policy) -> "AgeState":
        """State at `now` of someone born on `birth`, which the caller then forgets.

        AgeError: `birth_in_future` if that day has begun nowhere on earth, `birth_too_long_ago` at 150 years.
        """
        if now < begins(birth):
            raise AgeError("birth_in_future", "The birth date lies in the future.")
        if takes_effect(public_date(birth, OLDEST_AGE, policy)) <= now:
            raise AgeError("birth_too_long_ago", "The birth date lies 150 years back or more.")
        met = 0
        for age in policy.thresholds:
            on = public_date(birth, age, policy)
            if now < takes_effect(on):
                return cls(met, age, on, policy.thresholds)
            met = age
        return cls(met, None, None, policy.thresholds)

    def at(self, now: int) -> "AgeState":
        """State at `now`: thresholds reached since are met, and a correction that is due has replaced it."""
        due = self.correction
        if due is not None and now >= takes_effect(due.on):
            return due.state.at(now)
        return self._advanced(self.thresholds, due, now)

    def under(self, thresholds: tuple[int, ...], now: int) -> "AgeState":
        """State at `now` with another fixed list of thresholds, for a deployment that changes its policy.

        While a change is still to come, all dates follow from it by whole years. At the top nothing is left
        to compute from: thresholds added above stay unknown until new evidence.
        """
        due = self.correction
        if due is not None:
            due = replace(due, state=due.state.under(thresholds, now))
            if now >= takes_effect(due.on):
                return due.state
        return self._advanced(thresholds, due, now)

    def _advanced(self, thresholds: tuple[int, ...], due: Correction | None, now: int) -> "AgeState":
        same = thresholds is self.thresholds and due is self.correction
        if self.next is None or self.on is None:
            if same:
                return self
            known = tuple(age for age in thresholds if age <= self.met)
            return AgeState(self.met, None, None, known, due)
        met = self.met
        for age in thresholds:
            if age > met:
                on = years_on(self.on, age - self.next)
                if now < takes_effect(on):
                    return self if same and met == self.met else AgeState(met, age, on, thresholds, due)
                met = age
        return AgeState(met, None, None, thresholds, due)

    def over(self, threshold: int, now: int) -> bool | None:
        """Whether `threshold` is met at `now`; None when unknown: above the top of what the evidence told."""
        state = self.at(now)
        if threshold <= state.met:
            return True
        if state.next is None or state.on is None:
            return None
        return now >= takes_effect(years_on(state.on, threshold - state.next))

    def band(self, now: int) -> Band:
        """The value of `age_band` at `now`."""
        return Band.ADULT if self.over(ADULT_AGE, now) else Band.MINOR

    @property
    def changes_on(self) -> date | None:
        """The public date of the next change of any kind; None at the top. Ask it of `at(now)`."""
        dates = [self.on, self.correction.on if self.correction else None]
        return min((day for day in dates if day is not None), default=None)

    def band_changes_on(self, now: int) -> date | None:
        """The public date on which `band` will next change after `now`; None when it will not."""
        state = self.at(now)
        own: date | None = None
        if state.met < ADULT_AGE and state.next is not None and state.on is not None:
            own = years_on(state.on, ADULT_AGE - state.next)
        due = state.correction
        if due is None or (own is not None and own < due.on):
            return own
        if due.state.band(takes_effect(due.on)) is not state.band(now):
            return due.on
        return due.state.band_changes_on(takes_effect(due.on))

    def assurance_at(self, now: int, held: Assurance) -> Assurance:
        """Assurance at `now`: what is `held` beside this state, until a correction brings its own."""
        due = self.correction
        return held if due is None or now < takes_effect(due.on) else due.assurance

    def serialize(self) -> bytes:
        """Bytes for sealing: format 1, the state, number of corrections 1 (0 or 1), the correction.

        State: met 1, next 1 (0 none), year 2, month 1 (both 0 for none), count 1, thresholds 1 each.
        Correction: year 2, month 1, rank of the assurance 1, state. There is no field for a day, so that no
        exact date can be stored.
        """
        due = self.correction
        if due is None:
            return bytes([_FORMAT]) + self._body() + b"\0"
        head = _CORRECTION.pack(due.on.year, due.on.month, due.assurance.rank)
        return bytes([_FORMAT]) + self._body() + b"\1" + head + due.state._body()

    def _body(self) -> bytes:
        year, month = (self.on.year, self.on.month) if self.on else (0, 0)
        head = _HEAD.pack(self.met, self.next or 0, year, month, len(self.thresholds))
        return head + bytes(self.thresholds)

    @classmethod
    def parse(cls, data: bytes) -> "AgeState":
        """The inverse of `serialize`; AgeError with `bad_age_state` unless every byte is accounted for."""
        try:
            if data[0] != _FORMAT:
                raise _bad("unknown format")
            state, position = _read_body(data, 1)
            if data[position] == 1:
                year, month, rank = _CORRECTION.unpack_from(data, position + 1)
                after, end = _read_body(data, position + 1 + _CORRECTION.size)
                due = Correction(date(year, month, 1), after, dict(enumerate(Assurance, 1))[rank])
                state = replace(state, correction=due)
            elif data[position] == 0:
                end = position + 1
            else:
                raise _bad("more than one correction")
        except (LookupError, ValueError, struct.error) as error:
            raise _bad("cut off, or a field out of range") from error
        if end != len(data):
            raise _bad("bytes after the end")
        return state


def corrected(old: AgeState, new: AgeState, assurance: Assurance, now: int, policy: Policy) -> AgeState:
    """`old` until the next public date, then `new` with its `assurance`: the word of a stronger source.

    It may make a person younger. It waits, so that no app sees a change between public dates. A correction
    that `old` still waited for is dropped. Whether the new source is the stronger one, the caller decides.
    """
    return replace(old.at(now), correction=Correction(next_public_date(now, policy.rounding), new, assurance))


def _read_body(data: bytes, position: int) -> tuple[AgeState, int]:
    met, upcoming, year, month, count = _HEAD.unpack_from(data, position)
    start = position + _HEAD.size
    end = start + count
    on = date(year, month, 1) if year or month else None
    return AgeState(met, upcoming or None, on, tuple(data[start:end])), end


def _bad(text: str) -> AgeError:
    return AgeError("bad_age_state", f"The stored age state is refused: {text}.")
