"""After a fill and a veiled sign-in no string longer than eight bytes stands on both sides, public constants aside.

Looked through, byte by byte and decoded: databases with their write-ahead logs, server logs, every request and answer,
and the plaintext of everything that either half sealed. The app's traffic is the door's: an app speaks to nobody else.
"""

import json
from pathlib import Path

import pytest

from crypto.encoding import b64url_decode, b64url_encode
from tests.promises.unlinkable.common_strings import Common, common_strings, windows_of, with_decoded
from tests.promises.unlinkable.population import AGENT, DAY
from tests.promises.unlinkable.records import Side, recorded
from tests.veiled import Veiled, Wallet, running_veiled, told_app

HOUR = 3600
ACCOUNT_DOCUMENTS = (
    "/token-keys/log", "/.well-known/private-token-issuer-directory", "/token-keys/minor", "/jwks",
    "/.well-known/openid-configuration", "/.well-known/oauth-authorization-server",
)  # fmt: skip
DOOR_DOCUMENTS = ("/jwks", "/.well-known/openid-configuration", "/wallet", "/wallet/config.json")

PUBLIC = {
    "the software's own words": (
        "what stands in the records of another pair as well, which has other keys, and never met this person, wallet "
        "or app: schema, headers, page texts, names of parameters, the two issuers' addresses, a common browser's name"
    ),
    "the published documents": (
        "what anybody is given by either half without a credential: the log of token keys with their identifiers and "
        "its signed checkpoints, directories, key sets, metadata, the wallet's page and configuration"
    ),
    "short words": "kinds of audit rows, states and algorithms: closed lists (`common_strings`)",
}
"""Public constants by name, and why they may stand on both sides."""


def _visit_both(veiled: Veiled, sides: tuple[Side, Side]) -> None:
    """One person fills a wallet; nine days later it is shown to an app, twice, which asks for all it may have."""
    account, door = sides
    person, wallet = veiled.account.person(), Wallet(veiled)
    account.visitor = ("2001:db8:aaaa::1", AGENT)
    wallet.fill(person, 8)
    veiled.clock.advance(9 * DAY + HOUR)
    app = veiled.app()
    for number in range(2):
        door.visitor = (f"2001:db8:bbbb:{number}::1", AGENT)
        shown = wallet.arrive(app, state=f"state-of-app-{number}", nonce=f"nonce-of-app-{number}", max_age="0")
        code = told_app(shown.post(wallet.fields(shown)))["code"]
        door.visitor = ("192.0.2.80", "app/1.0")
        tokens = app.exchange(code).json
        assert tokens is not None and app.userinfo(tokens["access_token"]).json["age_band"] == "adult"


@pytest.fixture(scope="module")
def software(pair_template: Path, tmp_path_factory: pytest.TempPathFactory) -> set[bytes]:
    """The software's own words, as windows: of a pair that is no copy of the template, so all its keys are others."""
    directory = tmp_path_factory.mktemp("other")
    with running_veiled(directory) as other:
        rings = [path / "account" / "master-key.json" for path in (directory, pair_template)]
        assert rings[0].read_bytes() != rings[1].read_bytes()
        other.clock.advance(5 * HOUR)
        with recorded(other) as sides:
            _visit_both(other, sides)
            blobs = [blob for side in sides for blob in with_decoded(side.blobs).values()]
    return windows_of(blobs)


def _published(veiled: Veiled) -> set[bytes]:
    """The published documents, and what they spell: leaves, keys, identifiers, checkpoints."""
    found = {path: veiled.account.send("GET", path).data for path in ACCOUNT_DOCUMENTS}
    found |= {f"door {path}": veiled.door.send("GET", path).data for path in DOOR_DOCUMENTS}
    log = json.loads(found["/token-keys/log"])
    found |= {leaf: b64url_decode(leaf) for leaf in log["leaves"]}
    found |= {note: note.encode() for note in (log["checkpoint"], *log["witnessed"])}
    return windows_of(with_decoded(found).values())


def _common(veiled: Veiled, sides: tuple[Side, Side], software: set[bytes]) -> list[Common]:
    account, door = (with_decoded(side.blobs) for side in sides)
    for blobs in (account, door):
        assert {"database", "sealed", "log"} <= {name.partition(" ")[0] for name in blobs}
        assert {"database blindage.db", "database blindage.db-wal"} <= blobs.keys()
    return common_strings(account, door, software | _published(veiled))


def test_no_string_stands_on_both_sides(veiled: Veiled, software: set[bytes]) -> None:
    with recorded(veiled) as sides:
        _visit_both(veiled, sides)
        found = _common(veiled, sides, software)
        sizes = [f"{sum(map(len, side.blobs.values())):,} bytes in {len(side.blobs)} pieces" for side in sides]
    print(f"account side {sizes[0]}, door and app {sizes[1]}: {len(found)} common strings")
    assert found == [], "\n".join(f"{each.text!r} in {each.one} and in {each.other}" for each in found)


def test_neither_half_keeps_an_address_or_the_name_of_a_browser(veiled: Veiled) -> None:
    """Both come with every request, and would join the halves (docs/veiled.md, Conditions)."""
    with recorded(veiled) as sides:
        _visit_both(veiled, sides)
    for side, address in zip(sides, (b"2001:db8:aaaa:", b"2001:db8:bbbb:"), strict=True):
        came = [name for name, blob in side.blobs.items() if address in blob or AGENT.encode() in blob]
        assert came and all(name.startswith("request ") for name in came), came


# --------------------------------------------------------------------------------------------------- the scan does find
def test_app_that_travels_in_the_wallets_state_is_found(
    veiled: Veiled, software: set[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A wallet that fills on the way and takes the pending request along, as bytes in base64url."""
    with recorded(veiled) as sides:
        app, wallet = veiled.app(), Wallet(veiled)
        shown = wallet.arrive(app)
        identifier = b64url_decode(shown.presentation["request_id"])
        monkeypatch.setattr("tests.veiled.b64url_encode", lambda data: b64url_encode(identifier[:20] + data[20:]))
        wallet.fill(veiled.account.person(), 1)
        monkeypatch.undo()
        shown.post(wallet.fields(shown))
        found = _common(veiled, sides, software)
    assert any(each.text in identifier[:20] for each in found)


def test_account_that_only_sealed_values_hold_is_found(veiled: Veiled, software: set[bytes]) -> None:
    """An app that knows the account's number puts it into its state: both halves hold it under their keys alone."""
    with recorded(veiled) as sides:
        person, wallet = veiled.account.person(), Wallet(veiled)
        wallet.fill(person, 1)
        veiled.clock.advance(9 * DAY)
        wallet.tokens_of(veiled.app(), state=b64url_encode(person.account.id))
        sealed = [with_decoded({str(n): text for n, text in enumerate(side.sealed)}) for side in sides]
    found = common_strings(*sealed, software | _published(veiled))
    assert found and all(each.text in person.account.id for each in found)


@pytest.mark.parametrize(("length", "seen"), [(8, False), (9, True)])
def test_nine_bytes_are_found_and_eight_are_not(length: int, seen: bool) -> None:
    mark = bytes(range(0x80, 0x80 + length))
    one = {"file": b"abc" + mark + b"defghijkl", "other": b"nothing at all"}
    other = {"log": b"xyz" + mark + b"mnopqrstu"}
    found = common_strings(one, other, set())
    assert found == ([Common(mark, "file", "log")] if seen else [])
    assert common_strings(one, other, windows_of([mark])) == []
    spelled = b64url_encode(b"1234" + mark)
    found = common_strings(with_decoded({"text": spelled.encode()}), other, set())
    assert found == ([Common(mark, f"text, {spelled[:16]}... decoded", "log")] if seen else [])


def test_constants_are_cut_out_and_what_stands_beside_them_is_not() -> None:
    constant, value = b"a word of the software's", bytes(range(0x90, 0x99))
    one, other = {"one": constant + value + constant}, {"other": b"-" + constant + value + b"-"}
    constants = windows_of([constant])
    assert [each.text for each in common_strings(one, other, constants)] == [value]
    short = {"one": constant + value[:8]}, {"other": constant + value[:8]}
    assert common_strings(*short, constants) == []
