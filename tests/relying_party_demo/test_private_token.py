"""The PrivateToken gate and the program in the terminal, end to end at running servers (RFC 9577, RFC 9578)."""

import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from crypto.blind_rsa_keys import BlindRsaKey, BlindRsaPublicKey
from crypto.encoding import b64_padded_url_encode
from crypto.privacy_pass import Token
from crypto.privacy_pass_client import create_token_request, finalize_token
from crypto.privacy_pass_issuer import issue
from crypto.privacy_pass_scheme import format_authorization, parse_www_authenticate
from relying_party_demo.private_token_gate import EPOCH_SECONDS, REFRESH_SECONDS, PrivateTokenGate
from relying_party_demo.spent_tokens import SpentTokens
from relying_party_demo.token_client import Refused
from tests.interop.conversation import Conversation
from tests.need import need
from tests.relying_party_demo.age_token_servers import ADULT, MINOR, Servers, running_servers


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    with running_servers(tmp_path_factory.mktemp("age-tokens")) as running:
        yield running


@pytest.fixture(scope="module")
def tokens(servers: Servers) -> list[Token]:
    """An adult's tokens for this app, for the tests below to use up."""
    return servers.tokens(servers.access_token(ADULT), 20)


def run(servers: Servers, file: Path, action: str, *options: str) -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", "relying_party_demo.private_token", action, servers.night, "--tokens", str(file)]
    return subprocess.Popen(
        [*command, *options], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=servers.environment
    )


def test_program_in_a_terminal_fetches_one_token_or_a_batch_and_spends_them(servers: Servers, tmp_path: Path) -> None:
    person, file = servers.issuer.person("terminal-adult", "1985-02-03"), tmp_path / "tokens.txt"
    fetching = [run(servers, file, "fetch", "--count", count) for count in ("1", "3")]
    for program in fetching:
        assert program.stdout is not None
        shown = ""
        while (found := re.search(r"^ +([A-Z]{4}-[A-Z]{4})$", shown, re.MULTILINE)) is None:
            line = program.stdout.readline()
            assert line, (shown, program.communicate())
            shown += line
        servers.approve(found[1], person)
    answers = [program.communicate(timeout=60) for program in fetching]
    assert [program.returncode for program in fetching] == [0, 0], answers
    assert "1 tokens came" in answers[0][0] and "3 tokens came" in answers[1][0]
    assert file.stat().st_mode & 0o777 == 0o600 and len(file.read_text().splitlines()) == 4
    for left in (3, 2):
        spending = run(servers, file, "spend")
        told, said = spending.communicate(timeout=60)
        assert spending.returncode == 0 and "Night Train" in told, said
        assert f"{left} are left" in said and len(file.read_text().splitlines()) == left


def test_program_says_when_there_is_no_token(servers: Servers, tmp_path: Path) -> None:
    spending = run(servers, tmp_path / "tokens.txt", "spend")
    _, said = spending.communicate(timeout=60)
    assert spending.returncode == 1 and f"no token left for {servers.origin}" in said


def test_gate_asks_for_a_token_of_the_issuer_for_its_own_host(servers: Servers) -> None:
    answer = servers.look()
    assert answer.status_code == 401 and answer.headers["cache-control"] == "no-store"
    (asked,) = parse_www_authenticate(answer.headers["www-authenticate"])
    assert asked.token_challenge() == servers.challenge()
    assert asked.token_key is not None and BlindRsaPublicKey.from_spki(asked.token_key).token_key_id


def test_token_opens_the_gate_once(servers: Servers, tokens: list[Token]) -> None:
    spent = format_authorization(tokens.pop())
    answer = servers.look(spent)
    assert answer.status_code == 200 and "Night Train" in answer.text
    again = servers.look(spent)
    assert again.status_code == 401 and "www-authenticate" in again.headers and "Night" not in again.text


def test_eight_at_once_with_one_token_and_one_gets_in(servers: Servers, tokens: list[Token]) -> None:
    for _ in range(3):
        authorization = format_authorization(tokens.pop())
        with ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(lambda _, value=authorization: servers.look(value).status_code, range(8)))
        assert sorted(answers) == [200] + [401] * 7


def _unpadded(token: Token) -> str:
    return b64_padded_url_encode(token.to_bytes())


WRONG: dict[str, Callable[[Token], str]] = {
    "no credentials": lambda token: "PrivateToken",
    "another scheme": lambda token: f"Bearer {_unpadded(token)}",
    "truncated": lambda token: f'PrivateToken token="{b64_padded_url_encode(token.to_bytes()[:-1])}"',
    "trailing bytes": lambda token: f'PrivateToken token="{b64_padded_url_encode(token.to_bytes() + b"xyz")}"',
    "trailing text": lambda token: format_authorization(token) + ", x",
    "two tokens": lambda token: f"{format_authorization(token)}, {format_authorization(token)}",
    "standard alphabet": lambda token: f'PrivateToken token="{"+" * 472}"',
    "one open quote": lambda token: f'PrivateToken token="{_unpadded(token)}',
    "another type": lambda token: f'PrivateToken token="AAE{_unpadded(token)[3:]}"',
    "another nonce": lambda token: format_authorization(replace(token, nonce=bytes(32))),
    "another challenge": lambda token: format_authorization(replace(token, challenge_digest=bytes(32))),
    "an unknown key": lambda token: format_authorization(replace(token, token_key_id=bytes(32))),
    "another signature": lambda token: format_authorization(replace(token, authenticator=bytes(256))),
}


@pytest.mark.parametrize("how", WRONG)
def test_what_is_no_good_token_is_refused_and_spends_nothing(servers: Servers, tokens: list[Token], how: str) -> None:
    token = tokens[0]
    answer = servers.look(WRONG[how](token))
    assert answer.status_code == 401 and "www-authenticate" in answer.headers


def test_the_token_of_those_tries_is_still_good(servers: Servers, tokens: list[Token]) -> None:
    # Without quotes, and in other letters: both are allowed (RFC 9110, section 11.4).
    assert servers.look(f"privatetoken TOKEN={_unpadded(tokens.pop(0))}").status_code == 200


def test_token_for_another_app_is_refused(servers: Servers) -> None:
    person = servers.access_token(ADULT)
    for origin in ("app2.localhost:9", "evil.example", f"{servers.origin},evil.example"):
        (other,) = servers.tokens(person, 1, origin)
        assert servers.look(format_authorization(other)).status_code == 401


def test_a_minors_token_is_refused_and_a_minor_gets_none_by_the_adult_directory(servers: Servers) -> None:
    minor = servers.access_token(MINOR)
    with pytest.raises(Refused, match="not an adult's"):
        servers.tokens(minor, 1)
    (token,) = servers.tokens(minor, 1, directory="/token-keys/minor")
    assert servers.look(format_authorization(token)).status_code == 401


def test_token_of_a_key_that_the_issuer_never_had_is_refused(servers: Servers) -> None:
    key = BlindRsaKey.generate()
    request, pending = create_token_request(servers.challenge(), key.public)
    token = finalize_token(pending, issue(request, {key.public.truncated_token_key_id: key}))
    assert servers.look(format_authorization(token)).status_code == 401


def test_privacypass_ts_unmodified_gets_a_token_by_the_gates_own_words(servers: Servers) -> None:
    need("node")
    asking = servers.look().headers["www-authenticate"]
    talk = Conversation("gate.mjs", servers.issuer.url, servers.access_token(ADULT), asking)
    authorization = talk.hear()["authorization"]
    talk.finish()
    assert servers.look(authorization).status_code == 200


def test_no_more_than_the_quota(servers: Servers) -> None:
    person = servers.access_token(("token-hoarder", "1980-01-01"))
    assert len(servers.tokens(person, 60)) == 60
    with pytest.raises(Refused, match="next period"):
        servers.tokens(person, 1)


def own_gate(servers: Servers, file: Path, moment: list[float]) -> PrivateTokenGate:
    """The copied code in another app of the same name, with a clock that the test sets."""
    name = servers.challenge().issuer_name
    return PrivateTokenGate(servers.issuer.url, name, servers.origin, SpentTokens(file).spend, lambda: moment[0])


def test_epochs_end_and_the_gate_works_while_the_issuer_is_away(
    servers: Servers, tokens: list[Token], tmp_path: Path
) -> None:
    moment = [time.time()]
    gate = own_gate(servers, tmp_path / "spent.sqlite", moment)
    _, begins, ends, _ = gate.keys()[tokens[0].token_key_id]
    assert ends == (begins // EPOCH_SECONDS + 2) * EPOCH_SECONDS
    servers.issuer.server.stop()
    authorizations = [format_authorization(tokens.pop()) for _ in range(4)]
    moment[0] += REFRESH_SECONDS + 1
    assert gate.admits(authorizations[0]) and not gate.admits(authorizations[0])
    moment[0] = begins - 1
    assert not gate.admits(authorizations[1])
    moment[0] = ends - 1
    assert gate.admits(authorizations[1])
    moment[0] = ends
    assert not gate.admits(authorizations[2])
    # The app itself, whose copy is fresh.
    assert servers.look(authorizations[2]).status_code == 200
    unready = own_gate(servers, tmp_path / "other.sqlite", moment)
    assert not unready.admits(authorizations[3]) and unready.www_authenticate() is None
