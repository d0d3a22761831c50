"""The files of two running servers after a fill and a sign-in: databases and logs have no string in common.

As test_strings.py, at real processes. There the clock is the test's; here fill and sign-in lie seconds apart.
"""

import json
import re
from pathlib import Path
from urllib.parse import urlencode

import httpx
import pytest

from crypto.blind_rsa_keys import BlindRsaPublicKey
from crypto.encoding import b64url_decode
from crypto.pkce import challenge_of
from crypto.privacy_pass import TOKEN_TYPE_BLIND_RSA
from crypto.privacy_pass_batch import GENERIC_BATCH_REQUEST_MEDIA_TYPE, GenericBatchTokenResponse
from crypto.privacy_pass_challenge import TokenChallenge
from crypto.privacy_pass_client import create_batch_request, finalize_batch
from idp.protocol.door.door import server_name_of
from tests.issuer import Issuer
from tests.promises.unlinkable.common_strings import common_strings, windows_of, with_decoded
from tests.promises.unlinkable.records import without_page_tables
from tests.running_pair import DoorVisit, Pair, running_pair, wallet_token

CALLBACK = "http://127.0.0.1:8999/callback"
VERIFIER = "a-verifier-of-this-app-and-of-no-other-one-here"

# Named constant "the clock": what a second is called in a log (RFC 3339) and in JSON (epoch seconds).
_SECOND = re.compile(rb"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d|(?<!\d)1[789]\d{8}(?!\d)")


def _fill(pair: Pair) -> list[bytes]:
    """Two tokens, as a wallet gets them."""
    bearer = {"Authorization": f"Bearer {wallet_token(pair, pair.account.person('somebody-at-home', '1990-05-17'))}"}
    shown = httpx.get(f"{pair.account.url}/token-keys/current", headers=bearer).json()
    challenge = TokenChallenge(
        TOKEN_TYPE_BLIND_RSA, server_name_of(pair.account.url), b"", server_name_of(pair.door.url)
    )
    asked, pending = create_batch_request(challenge, BlindRsaPublicKey.from_spki(b64url_decode(shown["key"])), 2)
    headers = {**bearer, "Content-Type": GENERIC_BATCH_REQUEST_MEDIA_TYPE}
    answer = httpx.post(f"{pair.account.url}/token-request", content=asked.to_bytes(), headers=headers)
    tokens = finalize_batch(pending, GenericBatchTokenResponse.from_bytes(answer.content))
    return [token.to_bytes() for token in tokens if token is not None]


def _sign_in(pair: Pair, token: bytes, state: str) -> None:
    """To an app of the door, up to its ID token."""
    app = pair.door.register(CALLBACK, name=f"An app for {state}")
    parameters = {
        "response_type": "code", "client_id": app["client_id"], "redirect_uri": CALLBACK, "scope": "openid age",
        "state": state, "code_challenge": challenge_of(VERIFIER), "code_challenge_method": "S256",
    }  # fmt: skip
    with DoorVisit() as visit:
        told = visit.present(f"{pair.door.url}/authorize?{urlencode(parameters)}", token)
    form = {
        "grant_type": "authorization_code", "code": httpx.URL(told["location"]).params["code"],
        "redirect_uri": CALLBACK, "code_verifier": VERIFIER,
    }  # fmt: skip
    answer = httpx.post(f"{pair.door.url}/token", data=form, auth=(app["client_id"], app["client_secret"]))
    assert answer.status_code == 200, answer.text


def _files(issuer: Issuer) -> dict[str, bytes]:
    """What a server has written, its master key aside, which stands outside all backups."""
    found = {}
    for path in sorted(issuer.data_dir.rglob("*")):
        if path.is_file() and path.name != "master-key.json":
            data = path.read_bytes()
            if path.name.startswith("blindage.db"):
                data = without_page_tables(data, wal=path.name.endswith("-wal"))
            found[path.name] = _SECOND.sub(lambda match: bytes(len(match[0])), data)
    assert {"blindage.db", "blindage.db-wal", "server.log"} <= found.keys()
    return found


def _visited(directory: Path, state: str) -> tuple[dict[str, bytes], dict[str, bytes], set[bytes]]:
    """The files of both halves after a fill and a sign-in, and what the pair publishes."""
    with running_pair(directory) as pair:
        tokens = _fill(pair)
        _sign_in(pair, tokens[0], state)
        log = httpx.get(f"{pair.account.url}/token-keys/log").json()
        public = {
            "issuers": f"{pair.account.url} {pair.door.url}".encode(),
            "log": json.dumps(log).encode(),
            "checkpoint": log["checkpoint"].encode(),
            **{leaf: b64url_decode(leaf) for leaf in log["leaves"]},
        }
        public = {name: _SECOND.sub(lambda match: bytes(len(match[0])), data) for name, data in public.items()}
        return _files(pair.account), _files(pair.door), windows_of(with_decoded(public).values())


@pytest.mark.long
@pytest.mark.timeout(600)
def test_files_of_two_servers_have_no_string_in_common(tmp_path: Path) -> None:
    """Constants as in test_strings.py: another pair's records, what this one publishes, and the clock."""
    other = _visited(tmp_path / "other", "another-state-of-another-app")
    software = windows_of(blob for files in other[:2] for blob in with_decoded(files).values())
    account, door, published = _visited(tmp_path / "this", "the-state-of-this-app")
    found = common_strings(with_decoded(account), with_decoded(door), software | published)
    assert found == [], "\n".join(f"{each.text!r} in {each.one} and in {each.other}" for each in found)
    # The same scan finds a name that a log lets slip.
    door["server.log"] += b"seen: somebody-at-home"
    account["server.log"] += b"met: somebody-at-home"
    found = common_strings(with_decoded(account), with_decoded(door), software | published)
    assert b": somebody-at-home" in {each.text for each in found}
