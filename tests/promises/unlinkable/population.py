"""Many people fill their wallets and sign in to apps, by the real code of both halves; who did what is kept apart.

A visit is what an adversary with the records sees of one fill or one sign-in: its exchanges, what was sealed, its log
lines, its rows. Putting a visit together is left to nobody's skill: the harness hands it over whole.
"""

import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from hashlib import sha256
from random import Random

from pysqlite3 import dbapi2

from crypto.encoding import b64url_decode
from crypto.privacy_pass import Token, TokenRequest, TokenResponse
from crypto.privacy_pass_batch import GenericBatchTokenRequest, GenericBatchTokenResponse
from idp.domain.age import Band
from tests.app import ADULT, MINOR, Person
from tests.promises.unlinkable.records import Exchange, Side
from tests.relying_party import RelyingParty, success
from tests.veiled import Veiled, Wallet, told_app

DAY = 86400
AGENT = "Mozilla/5.0 (X11; Linux x86_64; rv:150.0) Gecko/20100101 Firefox/150.0"
APP_ADDRESS = "192.0.2.80"
_FILL, _USE = 0, 1


@dataclass(frozen=True, slots=True)
class Visit:
    """What one half keeps of one visit."""

    at: int
    exchanges: tuple[Exchange, ...]
    sealed: tuple[bytes, ...]
    log: str
    rows: list[bytes] = field(default_factory=list)

    @property
    def parts(self) -> tuple[bytes, ...]:
        """Everything of it, in pieces."""
        exchanged = (part for each in self.exchanges for part in each.parts)
        return (*exchanged, *self.sealed, self.log.encode(), *self.rows)


@dataclass(frozen=True, slots=True)
class Fill:
    """A batch at the account side, which knows the account, so its band, and keeps what it signed for this once."""

    visit: Visit
    account: bytes
    band: Band
    messages: tuple[bytes, ...]
    signatures: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Use:
    """A sign-in at the door, which sees the whole token and the wallet's key for the app."""

    visit: Visit
    token: Token
    public_key: bytes
    subject: str
    band: Band


@dataclass
class Population:
    """The records of everybody, and the truth: `(fill, message in it)` for each use. `inverses` never leave wallets."""

    tokens: int
    fills: list[Fill] = field(default_factory=list)
    uses: list[Use] = field(default_factory=list)
    truth: list[tuple[int, int]] = field(default_factory=list)
    inverses: list[list[int]] = field(default_factory=list)

    def of_band(self, band: Band) -> "Population":
        """Those of one band: the key of a token tells it, so nobody looks further."""
        kept = [number for number, fill in enumerate(self.fills) if fill.band is band]
        place = {number: index for index, number in enumerate(kept)}
        used = [number for number, (fill, _) in enumerate(self.truth) if fill in place]
        return Population(
            self.tokens,
            [self.fills[number] for number in kept],
            [self.uses[number] for number in used],
            [(place[self.truth[number][0]], self.truth[number][1]) for number in used],
            [self.inverses[number] for number in kept],
        )


Times = Callable[[Random, int], tuple[int, list[int]]]
"""When a person fills, and when each of so many tokens is used: seconds after the beginning."""


def apart(random: Random, count: int) -> tuple[int, list[int]]:
    """As the published wallet has it: filled some time in the first week, used whenever an app asks for it after it."""
    return random.randrange(7 * DAY), [random.randrange(8 * DAY, 35 * DAY) for _ in range(count)]


def on_the_way(span: int) -> Times:
    """A new wallet that fills on the way: one token is used within a minute. People come within `span` seconds."""

    def times(random: Random, count: int) -> tuple[int, list[int]]:
        fill = random.randrange(span)
        return fill, [fill + random.randrange(10, 60)]

    return times


def soon(random: Random, count: int) -> tuple[int, list[int]]:
    """Filled some time in two weeks, used an hour later at the soonest and three days later on average."""
    fill = random.randrange(14 * DAY)
    return fill, [fill + 3600 + min(int(random.expovariate(1 / (3 * DAY))), 20 * DAY) for _ in range(count)]


def by_habit(random: Random, count: int) -> tuple[int, list[int]]:
    """Apart by days, yet always at a person's own hour, within ten minutes."""
    fill = random.randrange(7 * DAY)
    return fill, [random.randrange(8, 34) * DAY + fill % DAY + random.randrange(-600, 600) for _ in range(count)]


@dataclass(frozen=True, slots=True)
class Habits:
    """How people of a run behave. `agent` and `address` are of the browser, by person, anew at each visit."""

    times: Times = apart
    tokens: int = 32
    minors: float = 0.2
    agent: Callable[[int], str] = lambda _: AGENT
    address: Callable[[int], str] = lambda _: f"2001:db8:{secrets.token_hex(2)}:{secrets.token_hex(2)}::1"


def live(veiled: Veiled, sides: tuple[Side, Side], people: int, habits: Habits, random: Random) -> Population:
    """Let `people` fill once and use every token, in the order of time."""
    began = veiled.clock.now()
    apps = [veiled.app() for _ in range(4)]
    made = Population(habits.tokens)
    bands = [Band.MINOR if random.random() < habits.minors else Band.ADULT for _ in range(people)]
    visitors = [(veiled.account.person(MINOR if band is Band.MINOR else ADULT), Wallet(veiled)) for band in bands]
    plans: list[tuple[int, int, int]] = []
    for number in range(people):
        fill, uses = habits.times(random, habits.tokens)
        plans += [(fill, _FILL, number), *((use, _USE, number) for use in uses)]
    where: dict[int, int] = {}
    for at, what, number in sorted(plans):
        veiled.clock.advance(began + at - veiled.clock.now())
        person, wallet = visitors[number]
        sides[what].visitor = (habits.address(number), habits.agent(number))
        if what == _FILL:
            where[number] = len(made.fills)
            _fill(sides[_FILL], wallet, person, bands[number], made)
            # Whichever order a wallet takes them in: here by chance.
            random.shuffle(wallet.tokens)
        else:
            use = _use(sides[_USE], wallet, random.choice(apps))
            nonces = [each.nonce for each in wallet.pending]
            made.uses.append(use)
            made.truth.append((where[number], nonces.index(use.token.nonce)))
    for side in sides:
        side.visitor = None
    _add_rows(sides, made)
    return made


def _fill(side: Side, wallet: Wallet, person: Person, band: Band, made: Population) -> None:
    marks = _marks(side)
    wallet.fill(person, made.tokens)
    visit = _visit(side, marks)
    signed = next(each for each in visit.exchanges if each.path == "/token-request")
    asked = GenericBatchTokenRequest.from_bytes(signed.body).token_requests
    told = GenericBatchTokenResponse.from_bytes(signed.answer).token_responses
    messages = tuple(each.blinded_msg for each in asked if isinstance(each, TokenRequest))
    signatures = tuple(each.blind_sig for each in told if isinstance(each, TokenResponse))
    made.fills.append(Fill(visit, person.account.id, band, messages, signatures))
    made.inverses.append([each.inverse for each in wallet.pending])


def _use(side: Side, wallet: Wallet, app: RelyingParty) -> Use:
    marks = _marks(side)
    shown = wallet.arrive(app)
    token = wallet.tokens.pop()
    fields = wallet.fields(shown, token)
    code = told_app(shown.post(fields))["code"]
    # From here on it is the app's own server that speaks.
    side.visitor = (APP_ADDRESS, "app/1.0")
    subject = side.app.verified(success(app.exchange(code))["id_token"])[1]
    return Use(_visit(side, marks), token, b64url_decode(fields["pk"]), subject["sub"], Band(subject["age_band"]))


def _marks(side: Side) -> tuple[int, int, int]:
    return len(side.exchanges), len(side.sealed), len(side.log.getvalue())


def _visit(side: Side, marks: tuple[int, int, int]) -> Visit:
    exchanges, sealed, log = marks
    return Visit(
        side.app.clock.now(), tuple(side.exchanges[exchanges:]), tuple(side.sealed[sealed:]), side.log.getvalue()[log:]
    )


def _add_rows(sides: tuple[Side, Side], made: Population) -> None:
    """Give every visit the rows of the database that are known to be of it: by account, by token, by the second."""
    by_account: dict[object, Visit] = {fill.account: fill.visit for fill in made.fills}
    of_use: dict[object, Visit] = {sha256(use.token.nonce).digest(): use.visit for use in made.uses}
    of_use |= {use.visit.at: use.visit for use in made.uses}
    for side, owners in zip(sides, (by_account, of_use), strict=True):
        for row in all_rows(side):
            values = [value if isinstance(value, bytes) else str(value).encode() for value in row if value is not None]
            for visit in {id(owners[value]): owners[value] for value in row if value in owners}.values():
                visit.rows.extend(values)


def all_rows(side: Side) -> list[tuple[object, ...]]:
    """Every row of a side's database, read by another connection."""
    connection = dbapi2.connect(str(side.app.settings.data_dir / "blindage.db"))
    try:
        names = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        return [tuple(row) for name in names for row in connection.execute(f'SELECT * FROM "{name}"')]
    finally:
        connection.close()
