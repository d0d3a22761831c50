"""What the program in the terminal refuses: challenges that are not for it, and keys that not everybody gets."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from crypto.blind_rsa_keys import BlindRsaKey
from crypto.encoding import b64url_decode, b64url_encode
from crypto.merkle import leaf_hash, root_of
from crypto.notes import Checkpoint, sign_checkpoint, verifier_of
from crypto.privacy_pass_challenge import TokenChallenge
from crypto.privacy_pass_directory import DIRECTORY_PATH, IssuerDirectory, TokenKey
from crypto.privacy_pass_scheme import PrivateTokenChallenge, format_www_authenticate
from idp.domain.age import Band
from idp.domain.age_token import KeyRole, canonical, revoke_leaf
from idp.domain.age_token import TokenKey as EpochKey
from relying_party_demo.token_client import Refused, TokenClient, Wanted
from relying_party_demo.token_key_log import NotLogged, check_logged
from tests.wallet.loopback import Answer, Asked, LoopbackServer, running

NAME, SEED = "issuer.example/token-keys", bytes(range(32))
LOG_KEY = verifier_of(NAME, SEED).to_text()
EPOCH = 700
NOW = EPOCH * 28 * 86400 + 1000
KEYS = [BlindRsaKey.generate().public for _ in range(2)]


def entry(at: int, role: KeyRole = KeyRole.PRIMARY, band: Band = Band.ADULT, epoch: int = EPOCH) -> EpochKey:
    return EpochKey(KEYS[at].token_key_id, band, epoch, role, KEYS[at].to_spki(), b"", epoch * 28 * 86400)


def log(*leaves: bytes, signed: tuple[bytes, ...] | None = None, seed: bytes = SEED) -> bytes:
    """The document of `/token-keys/log`; `signed` are the leaves that the note is about, if others."""
    covered = leaves if signed is None else signed
    checkpoint = Checkpoint(NAME, len(covered), root_of([leaf_hash(leaf) for leaf in covered]))
    document = {"checkpoint": sign_checkpoint(checkpoint, NAME, seed), "leaves": [b64url_encode(one) for one in leaves]}
    return json.dumps(document).encode()


PRIMARY, STANDBY = entry(0).leaf(), entry(1, KeyRole.STANDBY).leaf()
REVOKED = revoke_leaf(KEYS[0].token_key_id, NOW - 10)


def test_primary_is_believed_and_the_standby_after_its_revocation() -> None:
    check_logged(log(PRIMARY, STANDBY), LOG_KEY, KEYS[0].to_spki(), NOW)
    check_logged(log(PRIMARY, STANDBY, REVOKED), LOG_KEY, KEYS[1].to_spki(), NOW)


@pytest.mark.parametrize(
    ("document", "key", "now"),
    [
        pytest.param(log(PRIMARY, STANDBY), 1, NOW, id="the standby before its time"),
        pytest.param(log(PRIMARY, STANDBY, REVOKED), 0, NOW, id="a revoked key"),
        pytest.param(log(STANDBY), 0, NOW, id="a key that is not in it"),
        pytest.param(log(PRIMARY, entry(1).leaf()), 0, NOW, id="two primaries"),
        pytest.param(log(PRIMARY, PRIMARY), 0, NOW, id="twice in it"),
        pytest.param(log(entry(0, band=Band.MINOR).leaf()), 0, NOW, id="a minor's key"),
        pytest.param(log(entry(0, epoch=EPOCH - 1).leaf()), 0, NOW, id="the last epoch's key"),
        pytest.param(log(entry(0, epoch=EPOCH + 1).leaf()), 0, NOW, id="the next epoch's key"),
        pytest.param(log(PRIMARY, signed=(STANDBY,)), 0, NOW, id="other leaves than were signed"),
        pytest.param(log(PRIMARY, STANDBY, signed=(PRIMARY,)), 0, NOW, id="more leaves than were signed"),
        pytest.param(log(PRIMARY, seed=bytes(32)), 0, NOW, id="signed by somebody else"),
        pytest.param(log(canonical({"type": "key"})), 0, NOW, id="a leaf without members"),
        pytest.param(b"{}", 0, NOW, id="no log"),
        pytest.param(b"[", 0, NOW, id="no JSON"),
    ],
)
def test_key_that_not_everybody_gets_is_refused(document: bytes, key: int, now: int) -> None:
    with pytest.raises(NotLogged):
        check_logged(document, LOG_KEY, KEYS[key].to_spki(), now)


@pytest.fixture
def issuer() -> Iterator[LoopbackServer]:
    """Directory and log; a page at `/page` that asks for what a test puts in `challenges`."""

    def answer(asked: Asked) -> Answer:
        if asked.path == DIRECTORY_PATH:
            keys = (TokenKey(2, KEYS[0].to_spki(), entry(0).not_before),)
            return Answer(200, IssuerDirectory("/token-request", keys).to_json())
        if asked.path == "/token-keys/log":
            return Answer(200, log(PRIMARY, STANDBY))
        return Answer(401, headers={"WWW-Authenticate": challenges[0]})

    challenges: list[str] = []
    server = LoopbackServer("127.0.0.1", answer)
    server.challenges = challenges  # type: ignore[attr-defined]
    with running(server):
        yield server


def asked_for(issuer: LoopbackServer, header: str | None = None, key: bytes | None = None, **changes: Any) -> Any:
    """What the client makes of a page's challenge."""
    here = issuer.url.removeprefix("http://")
    wanted = {"token_type": 2, "issuer_name": here, "origin_info": here, **changes}
    asked = format_www_authenticate([PrivateTokenChallenge(TokenChallenge(**wanted).to_bytes(), key)])
    issuer.challenges[:] = [asked if header is None else header]  # type: ignore[attr-defined]
    return TokenClient(issuer.url, LOG_KEY, lambda: NOW).ask(f"{issuer.url}/page")


def test_page_that_asks_for_itself_is_answered(issuer: LoopbackServer) -> None:
    for named in (None, KEYS[0].to_spki()):
        wanted = asked_for(issuer, key=named)
        assert isinstance(wanted, Wanted)
        assert TokenClient(issuer.url, LOG_KEY, lambda: NOW).key_for(wanted) == KEYS[0]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"issuer_name": "evil.example"}, "another issuer"),
        ({"origin_info": "bank.example"}, "another place"),
        ({"origin_info": ""}, "another place"),
        ({"token_type": 1}, "does not ask"),
        ({"header": "Basic realm=x"}, "does not ask"),
        ({"header": "PrivateToken"}, "garbled"),
        ({"header": 'PrivateToken challenge="AAI="'}, "garbled"),
        ({"key": b"no key"}, "garbled"),
    ],
)
def test_page_that_asks_for_something_else_is_refused(
    issuer: LoopbackServer, changes: dict[str, Any], words: str
) -> None:
    with pytest.raises(Refused, match=words):
        asked_for(issuer, **changes)


def test_page_with_a_key_of_its_own_gets_nothing(issuer: LoopbackServer) -> None:
    wanted = asked_for(issuer, key=KEYS[1].to_spki())
    with pytest.raises(Refused, match="another key"):
        TokenClient(issuer.url, LOG_KEY, lambda: NOW).key_for(wanted)


def test_key_that_another_log_vouches_for_is_refused(issuer: LoopbackServer) -> None:
    other = verifier_of(NAME, bytes(32)).to_text()
    with pytest.raises(Refused, match="not trusted"):
        TokenClient(issuer.url, other, lambda: NOW).key_for(asked_for(issuer))


def test_leaves_are_those_of_the_issuer() -> None:
    """The leaves above are made by the issuer's own code, and read as they are served."""
    assert json.loads(PRIMARY)["key"] == b64url_encode(KEYS[0].to_spki())
    assert b64url_decode(json.loads(PRIMARY)["key_id"]) == KEYS[0].token_key_id


@pytest.mark.parametrize("address", ["ftp://x.example/", "app.example", "", "http://a b/", "http://x:99999/"])
def test_what_is_no_address_is_said(address: str) -> None:
    with pytest.raises(Refused, match="not an address"):
        TokenClient("http://127.0.0.1:9", None).ask(address)


def test_page_that_does_not_answer_is_said() -> None:
    with pytest.raises(Refused, match="does not answer"):
        TokenClient("http://127.0.0.1:9", None).ask("http://app.localhost:9/")


@pytest.mark.parametrize("address", ["http://app.example/", "http://evillocalhost/", "http://10.0.0.1/", "http://127.1/"])
def test_nothing_goes_where_it_could_be_read_on_its_way(address: str) -> None:
    with pytest.raises(Refused, match="not https"):
        TokenClient("http://127.0.0.1:9", None).ask(address)
    with pytest.raises(Refused, match="not https"):
        TokenClient(address, None)
