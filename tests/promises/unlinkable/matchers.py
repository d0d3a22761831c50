"""Guesses at which spent token was which issued one, by whoever holds the records of both halves.

A matcher sees the fills and uses of one band (the token's key tells the band) and names, for each use, the number of a
message, counted through all fills. The person it would thereby name is the one who filled.
"""

import math
import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from itertools import chain

import gmpy2

from crypto.encoding import b64url_decode
from crypto.errors import EncodingError
from tests.promises.unlinkable.population import DAY, Fill, Population, Use, Visit

Matcher = Callable[[Sequence[Fill], Sequence[Use]], list[int]]


@dataclass(frozen=True, slots=True)
class Hits:
    """How often a guess was right, how often it would be by chance, and how far chance strays (one sigma)."""

    right: int = 0
    chance: float = 0.0
    variance: float = 0.0

    @property
    def sigma(self) -> float:
        """The spread of chance."""
        return math.sqrt(self.variance)

    @property
    def excess(self) -> float:
        """Sigmas above chance. A guess that can be no better than chance, whatever the truth, has none.

        Counts of a few are skewed, so roots are compared (Anscombe, 1948), in units of what hangs together; for many
        that is the same as (right - chance) / sigma.
        """
        if self.variance < 1e-9:
            return 0.0
        unit = self.variance / self.chance
        return 2 * (math.sqrt(self.right / unit + 3 / 8) - math.sqrt(self.chance / unit + 3 / 8))

    def __add__(self, other: "Hits") -> "Hits":
        return Hits(self.right + other.right, self.chance + other.chance, self.variance + other.variance)

    def __str__(self) -> str:
        return f"{self.right} (chance {self.chance:.1f} ± {self.sigma:.1f})"


@dataclass(frozen=True, slots=True)
class Score:
    """How well a matcher names the person, and the very message, of so many uses."""

    of: int
    person: Hits
    message: Hits

    @property
    def share(self) -> float:
        """How many of the uses the person was named for, 0 to 1."""
        return self.person.right / self.of

    @property
    def excess(self) -> float:
        """Sigmas above chance, of whichever it names better."""
        return max(self.person.excess, self.message.excess)

    def __str__(self) -> str:
        return f"of {self.of}: person {self.person}, message {self.message}, {self.excess:+.1f} sigma"


def score(matcher: Matcher, bands: Sequence[Population]) -> Score:
    """Run a matcher on every band and count."""
    return count([matcher(band.fills, band.uses) for band in bands], bands)


def count(
    guessed: Sequence[list[int]], bands: Sequence[Population], judged: Callable[[int], bool] = lambda _: True
) -> Score:
    """Count guesses, of each band a list, where the number of the true fill is to be `judged`."""
    person, message, of = Hits(), Hits(), 0
    for band, guesses in zip(bands, guessed, strict=True):
        size = band.tokens
        pairs = [
            (guess, fill * size + number)
            for guess, (fill, number) in zip(guesses, band.truth, strict=True)
            if judged(fill)
        ]
        person += _hits([(guess // size, true // size) for guess, true in pairs], len(band.fills))
        message += _hits(pairs, len(band.fills) * size)
        of += len(pairs)
    return Score(of, person, message)


def _hits(pairs: Sequence[tuple[int, int]], choices: int) -> Hits:
    """Right guesses against those of the same guesses with the names shuffled: mean and variance of all shufflings.

    So guesses that hang together (a wallet that is known again by an app) count as what they are, one guess. With m the
    counts of each (guess, truth): the mean is their sum / n, the variance the sum of the squares of m less the means of
    its row and column, / (n - 1) (Hoeffding, 1951).
    """
    if choices < 2:
        return Hits(len(pairs), len(pairs))
    counts = Counter(pairs)
    rows, columns = Counter(guess for guess, _ in pairs), Counter(true for _, true in pairs)
    squares = sum(count**2 for count in counts.values())
    across = sum(count**2 for count in rows.values()) + sum(count**2 for count in columns.values())
    variance = (squares - across / choices + (len(pairs) / choices) ** 2) / (choices - 1)
    return Hits(sum(guess == true for guess, true in pairs), len(pairs) / choices, variance)


# ---------------------------------------------------------------------------------------------------------- order, time
def in_order(fills: Sequence[Fill], uses: Sequence[Use]) -> list[int]:
    """First come, first used."""
    return _ranked(_times(fills), [use.visit.at for use in uses])


def in_reverse(fills: Sequence[Fill], uses: Sequence[Use]) -> list[int]:
    """Last come, first used."""
    return _ranked(_times(fills), [-use.visit.at for use in uses])


def just_before(fills: Sequence[Fill], uses: Sequence[Use]) -> list[int]:
    """Whoever was at the account side last before the token was used."""
    size = len(fills[0].messages)
    found = []
    for use in uses:
        earlier = [number for number, fill in enumerate(fills) if fill.visit.at <= use.visit.at]
        found.append(max(earlier, key=lambda number: fills[number].visit.at, default=0) * size)
    return found


def same_hour(fills: Sequence[Fill], uses: Sequence[Use]) -> list[int]:
    """Whoever fills at the hour of the day at which the token is used."""
    size = len(fills[0].messages)

    def distance(fill: Fill, use: Use) -> int:
        between = abs(fill.visit.at - use.visit.at) % DAY
        return min(between, DAY - between)

    return [min(range(len(fills)), key=lambda number: distance(fills[number], use)) * size for use in uses]


def _times(fills: Sequence[Fill]) -> list[int]:
    return [fill.visit.at for fill in fills for _ in fill.messages]


def _ranked(issued: Sequence[object], used: Sequence[object]) -> list[int]:
    """The smallest of one with the smallest of the other, and so on up."""
    order = sorted(range(len(issued)), key=issued.__getitem__)  # type: ignore[arg-type]
    ranks = sorted(range(len(used)), key=used.__getitem__)  # type: ignore[arg-type]
    found = [0] * len(used)
    for rank, use in enumerate(ranks):
        found[use] = order[rank * len(order) // len(used)]
    return found


# -------------------------------------------------------------------------------------------------------- sizes, places
def by_size(fills: Sequence[Fill], uses: Sequence[Use]) -> list[int]:
    """Long visits with long visits: what a person's browser and app send is of one length each time."""
    issued = [_length(fill.visit) for fill in fills for _ in fill.messages]
    return _ranked(issued, [_length(use.visit) for use in uses])


def _length(visit: Visit) -> int:
    return sum(len(each.head) for each in visit.exchanges[:2])


def by_address(fills: Sequence[Fill], uses: Sequence[Use]) -> list[int]:
    """Whoever came from the address that the token comes from."""
    size = len(fills[0].messages)
    owners = {each.peer: number for number, fill in enumerate(fills) for each in fill.visit.exchanges}
    return [owners.get(use.visit.exchanges[0].peer, 0) * size for use in uses]


# -------------------------------------------------------------------------------------------------------------- numbers
_ISSUED: dict[str, Callable[[Fill], Sequence[bytes]]] = {
    "blinded": lambda fill: fill.messages, "signed": lambda fill: fill.signatures,
    "digest": lambda fill: [sha256(message).digest() for message in fill.messages],
}  # fmt: skip
_USED: dict[str, Callable[[Use], bytes]] = {
    "nonce": lambda use: use.token.nonce, "authenticator": lambda use: use.token.authenticator,
    "spent": lambda use: sha256(use.token.nonce).digest(), "pk": lambda use: use.public_key,
}  # fmt: skip


def _by_number(issued: str, used: str) -> Matcher:
    def matcher(fills: Sequence[Fill], uses: Sequence[Use]) -> list[int]:
        numbers = list(chain.from_iterable(_ISSUED[issued](fill) for fill in fills))
        return _ranked(numbers, [_USED[used](use) for use in uses])

    return matcher


def with_factors(population: Population, modulus: int) -> Matcher:
    """What the wallet alone could do: unblind what was signed. Nobody else has the inverses."""
    unblinded = {
        int.from_bytes(signature, "big") * inverse % modulus: number * population.tokens + index
        for number, fill in enumerate(population.fills)
        for index, (signature, inverse) in enumerate(zip(fill.signatures, population.inverses[number], strict=True))
    }
    return lambda _, uses: [unblinded.get(int.from_bytes(use.token.authenticator, "big"), 0) for use in uses]


def same_residues(population: Population, modulus: int) -> tuple[int, int]:
    """How many true pairs have the same Jacobi symbol before and after, and of how many.

    The symbol is all that anybody can compute of a number that survives the private operation; a blinding factor flips
    it in half of the cases.
    """

    def symbol(number: bytes) -> int:
        return int(gmpy2.jacobi(int.from_bytes(number, "big"), modulus))

    pairs = zip(population.uses, population.truth, strict=True)
    same = sum(
        symbol(population.fills[fill].messages[message]) == symbol(use.token.authenticator)
        for use, (fill, message) in pairs
    )
    return same, len(population.uses)


# ---------------------------------------------------------------------------------------------------------- equal bytes
_GRAM = 4
_AT_ONCE = 40
_ENCODED = 11
_WORD = re.compile(rb"[A-Za-z0-9_-]{4,}")


def by_equal_bytes(fills: Sequence[Fill], uses: Sequence[Use]) -> list[int]:
    """Whoever shares most runs of four bytes with the use, in anything that either half saw, sealed or kept.

    Text is taken apart into words, and words that many have are dropped.
    """
    size = len(fills[0].messages)
    issued = [_atoms(fill.visit.parts) for fill in fills]
    used = [_atoms(use.visit.parts) for use in uses]
    known = Counter(chain.from_iterable(issued)), Counter(chain.from_iterable(used))
    issued = [{atom for atom in atoms if known[0][atom] < 2} for atoms in issued]
    # A person may come back to an app, so a word of a few uses may be theirs; a word of half of them is a form's.
    used = [{atom for atom in atoms if known[1][atom] <= len(uses) // 2} for atoms in used]
    best = [(0, 0)] * len(uses)
    # Not all fills at once: their runs would fill the memory.
    for begin in range(0, len(fills), _AT_ONCE):
        index: dict[bytes, int] = {}
        for number in range(begin, min(begin + _AT_ONCE, len(fills))):
            for gram in _grams(issued[number]):
                index[gram] = number if index.get(gram, number) == number else -1
        for place, atoms in enumerate(used):
            votes: Counter[int] = Counter()
            for gram in _grams(atoms) & index.keys():
                if index[gram] >= 0:
                    votes[index[gram]] += _surprise(gram)
            if votes:
                number, weight = votes.most_common(1)[0]
                best[place] = max(best[place], (weight, number))
    return [number * size for _, number in best]


def _surprise(gram: bytes) -> int:
    """How little it can be chance that a run stands on both sides, in bits above twenty: text and digits say less."""
    bits = sum(3 if byte in b"0123456789" else 1 if byte == 0 else 6 if 32 <= byte < 127 else 8 for byte in gram)
    return max(0, bits - 20)


def _atoms(parts: Iterable[bytes]) -> set[bytes]:
    found: set[bytes] = set()
    for part in parts:
        words = _WORD.findall(part)
        for word in words:
            found.update(_values(word))
        if sum(map(len, words)) < len(part) // 2:
            found.add(part)
    return found


def _values(word: bytes) -> tuple[bytes, ...]:
    """A word as it is, or where it is base64url what it stands for; and what either is digested to."""
    if len(word) < _ENCODED:
        return (word,)
    try:
        decoded = b64url_decode(word.decode())
    except EncodingError:
        return (word,)
    return decoded, sha256(decoded).digest(), sha256(word).digest()


def _grams(atoms: Iterable[bytes]) -> set[bytes]:
    return {atom[at : at + _GRAM] for atom in atoms for at in range(len(atom) - _GRAM + 1)}


MATCHERS: dict[str, Matcher] = {
    "in_order": in_order,
    "in_reverse": in_reverse,
    "just_before": just_before,
    "same_hour": same_hour,
    "by_size": by_size,
    "by_address": by_address,
    "by_equal_bytes": by_equal_bytes,
    **{f"{issued} with {used}": _by_number(issued, used) for issued in _ISSUED for used in _USED},
}
"""All that need nothing but the records."""
