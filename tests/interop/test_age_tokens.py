"""Other people's software at both halves: privacypass-ts gets tokens, openid-client signs in with them."""

from collections.abc import Iterator

import pytest

from crypto.encoding import b64url_decode
from crypto.privacy_pass import TOKEN_SIZE, Token
from tests.interop.conversation import Conversation
from tests.need import need
from tests.running_pair import DoorVisit, Pair, running_pair, wallet_token

CALLBACK = "http://127.0.0.1:8999/callback"
SIGNED_OUT = "http://127.0.0.1:8999/signed-out"
BATCH = 5


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    need("node")
    with running_pair(tmp_path_factory.mktemp("pair")) as running:
        yield running


@pytest.fixture(scope="module")
def tokens(pair: Pair) -> list[bytes]:
    """Tokens for the door that privacypass-ts got, one alone and a batch; it has verified each."""
    username = pair.account.person("grown-up", "1990-05-17")
    host = pair.door.url.removeprefix("http://")
    talk = Conversation("age_tokens.mjs", pair.account.url, wallet_token(pair, username), host, str(BATCH))
    told = talk.hear()
    talk.finish()
    # The key in use, and the next one; never a minor's.
    assert told["keys"] == 2
    return [b64url_decode(text) for text in (told["alone"], *told["tokens"])]


def test_privacypass_ts_gets_tokens_one_by_one_and_in_a_batch(tokens: list[bytes]) -> None:
    assert len(tokens) == 1 + BATCH and {len(token) for token in tokens} == {TOKEN_SIZE}
    read = [Token.from_bytes(token) for token in tokens]
    assert len({token.nonce for token in read}) == len(read)
    assert len({(token.token_key_id, token.challenge_digest) for token in read}) == 1


def test_openid_client_signs_in_at_the_door_with_these_tokens(pair: Pair, tokens: list[bytes]) -> None:
    """The client's configuration differs from that for the account issuer in the address alone."""
    first, other = (
        pair.door.register(CALLBACK, "--post-logout-redirect-uri", SIGNED_OUT, "--signing-alg", "ES256", name=name)
        for name in ("Poplar", "Willow")
    )
    with DoorVisit() as visit, DoorVisit() as emptied:
        subjects = _signed_in(pair, first, (visit, visit, emptied), tokens)
        subjects += _signed_in(pair, other, (visit,), tokens)
    assert subjects[0] == subjects[1]
    assert len(set(subjects)) == 3


def _signed_in(pair: Pair, app: dict[str, str], visits: tuple[DoorVisit, ...], tokens: list[bytes]) -> list[str]:
    """The `sub` of each visit, after everything else that openid-client checks and asks for."""
    talk = Conversation("door_flow.mjs", pair.door.url, app["client_id"], app["client_secret"], CALLBACK, SIGNED_OUT)
    subjects = []
    for visit in visits:
        talk.say(visit.present(talk.hear()["authorize"], tokens.pop())["location"])
        told = talk.hear()
        subject = told["claims"]["sub"]
        assert told["claims"]["age_band"] == "adult" and told["scope"] == "openid age"
        assert told["userinfo"] == {"sub": subject, "age_band": "adult"}
        assert told["refreshToken"] is None
        page = visit.client.get(told["logout"])
        assert page.is_redirect and page.headers["location"] == f"{SIGNED_OUT}?state=after+logout"
        subjects.append(subject)
    talk.hear()
    talk.say("end")
    talk.finish()
    return subjects
