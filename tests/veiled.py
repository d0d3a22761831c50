"""The two halves of veiled sign-in in one process: account issuer, door, a witness, and a wallet written in Python.

The halves share a clock and nothing else. The door fetches the key log from the account issuer's own application.
"""

import json
import re
import secrets
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx
from nacl.signing import SigningKey
from werkzeug.test import TestResponse

from crypto.blind_rsa_keys import BlindRsaKey, BlindRsaPublicKey
from crypto.encoding import b64url_decode, b64url_encode
from crypto.notes import SignatureType, Verifier, cosign_checkpoint, verifier_of
from crypto.pkce import challenge_of
from crypto.privacy_pass import Token
from crypto.privacy_pass_batch import GENERIC_BATCH_REQUEST_MEDIA_TYPE, GenericBatchTokenResponse
from crypto.privacy_pass_challenge import TokenChallenge
from crypto.privacy_pass_client import (
    PendingToken,
    create_batch_request,
    create_token_request,
    finalize_batch,
    finalize_token,
)
from crypto.privacy_pass_issuer import issue
from crypto.veil import presented_message, sector_seed
from idp.composition import compose, compose_door, key_log_follower, log_signer
from idp.domain.age import Band
from idp.domain.errors import FetchRefused
from idp.protocol.door.door import Door, server_name_of
from idp.protocol.door.key_view import KeyLogFollower
from idp.protocol.provider import Provider
from idp.services.token_keys import (
    NOTICE_SECONDS,
    add_cosignature,
    ensure_token_keys,
    published_log,
    signing_key_of,
)
from idp.settings import read_settings
from idp.web.metrics import NoMetrics
from idp.wsgi import build_application
from tests.app import App, Browser, Person, make_app
from tests.clock import FixedClock
from tests.relying_party import RelyingParty

DOOR = "https://door.example"
WITNESS = "witness.example"
WITNESS_SEED = bytes(range(32))
_DATA = re.compile(r'<script type="application/json" id="presentation">(.*?)</script>')


@dataclass
class FetchedInProcess:
    """A fetcher that asks the account issuer's application. `changed` stands for the issuer, or somebody on the way."""

    account: App
    changed: Callable[[bytes], bytes] = lambda body: body
    away: bool = False

    def get(self, url: str, limit: int = 64 * 1024) -> bytes:
        """The body, as `idp.domain.ports.Fetcher` has it."""
        assert url.startswith(self.account.issuer + "/")
        if self.away:
            raise FetchRefused("unreachable", "away")
        answer = self.account.send("GET", url.removeprefix(self.account.issuer))
        body = self.changed(answer.data)
        assert answer.status_code == 200 and len(body) <= limit
        return body

    def post(self, url: str, body: bytes, content_type: str) -> int:
        """The door posts nothing."""
        raise AssertionError(url)


@dataclass
class Veiled:
    """Both halves. `fetcher` is the door's way out, `follower` what fetches the key log through it."""

    account: App
    door: App
    parts: Door
    follower: KeyLogFollower
    fetcher: FetchedInProcess

    @property
    def clock(self) -> FixedClock:
        """The one time."""
        return self.account.clock

    @property
    def challenge(self) -> TokenChallenge:
        """What every token of this door answers."""
        return TokenChallenge(2, server_name_of(self.account.issuer), b"", server_name_of(self.door.issuer))

    def app(self, **changes: Any) -> RelyingParty:
        """An app at the door, registered as the operator does it."""
        return self.door.register_client(grant_types=frozenset({"authorization_code"}), **changes)

    def wallet(self, person: Person | None = None, count: int = 8) -> "Wallet":
        """A fresh wallet, filled with tokens of a person where one is given."""
        wallet = Wallet(self)
        if person is not None:
            wallet.fill(person, count)
        return wallet


def mint_tokens(provider: Provider, challenge: TokenChallenge, count: int, band: Band = Band.ADULT) -> list[Token]:
    """Tokens signed with the account issuer's own key of the moment: so many that no account would get them."""
    keys = provider.realm.store.read(lambda tx: tx.token_keys.all())
    key = signing_key_of(keys, band, provider.now())
    assert key is not None
    signing = BlindRsaKey.from_pkcs8(key.private_der)
    named = {signing.public.truncated_token_key_id: signing}
    asked = (create_token_request(challenge, signing.public) for _ in range(count))
    return [finalize_token(pending, issue(request, named)) for request, pending in asked]


def make_veiled(directory: Path, account_issuer: str = "https://id.example", door_issuer: str = DOOR) -> Veiled:
    """An account issuer whose keys a witness has seen in time, and a door that follows its log."""
    account = make_app(directory / "account", account_issuer, door_issuer=door_issuer)
    publish_keys(account)
    door, fetcher = make_door(directory / "door", account, door_issuer)
    parts = compose_door(door.provider, door.settings)
    follower = key_log_follower(parts)
    assert follower.follow()
    return Veiled(account, door, parts, follower, fetcher)


@contextmanager
def running_veiled(directory: Path, **issuers: str) -> Iterator[Veiled]:
    """Both halves, closed at the end."""
    veiled = make_veiled(directory, **issuers)
    try:
        yield veiled
    finally:
        veiled.door.provider.realm.store.close()
        veiled.account.provider.realm.store.close()


def make_door(directory: Path, account: App, issuer: str = DOOR, **settings: Any) -> tuple[App, FetchedInProcess]:
    """A door for the tokens of `account`, with the one witness there is; nothing of the log has been fetched."""
    exclusive = settings.pop("exclusive", True)
    read = replace(
        read_settings({"BLINDAGE_DATA_DIR": str(directory)}, issuer, "door"),
        account_issuer=account.issuer,
        token_log_key=log_signer(account.provider).verifier.to_text(),
        token_log_witnesses=(witness_verifier().to_text(),),
        **settings,
    )
    fetcher = FetchedInProcess(account)
    provider = replace(compose(read, account.clock, exclusive), fetcher=fetcher)
    return App(provider, build_application(provider, read, NoMetrics()), account.clock, read), fetcher


def witness_verifier() -> Verifier:
    """The witness's public half."""
    return verifier_of(WITNESS, WITNESS_SEED, SignatureType.COSIGNATURE)


def publish_keys(account: App) -> None:
    """Keys of age tokens as they are after some days: logged, seen by the witness in time, in use."""
    store, logged_at = account.provider.realm.store, account.clock.now() - NOTICE_SECONDS
    if ensure_token_keys(store, logged_at, NOTICE_SECONDS):
        witness_log(account, logged_at)


def witness_log(account: App, now: int) -> None:
    """The witness cosigns the log as it is, at `now`."""
    store, signer = account.provider.realm.store, log_signer(account.provider)
    note = cosign_checkpoint(published_log(store, signer).note, WITNESS, WITNESS_SEED, now)
    add_cosignature(store, signer, note, witness_verifier())


@dataclass
class Shown:
    """The door's page with an app's request in it, as the wallet reads it."""

    browser: Browser
    presentation: dict[str, Any]

    def post(self, fields: dict[str, str], peer: str | None = None, **headers: str) -> TestResponse:
        """What the wallet's page posts, cookies and all; from an address that no limit has seen unless one is named."""
        p = self.presentation
        form = {"csrf": p["csrf"], "request": p["request"], **fields}
        return self.browser.client.post(
            urlsplit(p["present"]).path, base_url=self.browser.issuer, data=form,
            headers={"Origin": self.browser.issuer, "Sec-Fetch-Site": "same-origin", **headers},
            environ_overrides={"REMOTE_ADDR": peer or f"2001:db8:{secrets.token_hex(2)}:{secrets.token_hex(2)}::1"},
        )  # fmt: skip


@dataclass
class Wallet:
    """What `idp/web/pages/static/wallet` does, in Python. One browser, one seed, tokens that are used up."""

    veiled: Veiled
    seed: bytes = field(default_factory=lambda: secrets.token_bytes(32))
    tokens: list[Token] = field(default_factory=list)
    pending: Sequence[PendingToken] = ()
    """Of the last batch: what a wallet forgets once its tokens are there."""

    # ------------------------------------------------------------------------------------------------ account side
    def access_token(self, person: Person) -> str:
        """Sign in at the account issuer, as the wallet does: code in the fragment, PKCE, scope age_tokens."""
        account, redirect_uri = self.veiled.account, f"{self.veiled.door.issuer}/wallet"
        verifier = b64url_encode(secrets.token_bytes(32))
        parameters = {
            "response_type": "code", "response_mode": "fragment", "client_id": "wallet", "redirect_uri": redirect_uri,
            "scope": "age_tokens", "state": b64url_encode(secrets.token_bytes(32)),
            "code_challenge": challenge_of(verifier), "code_challenge_method": "S256",
        }  # fmt: skip
        asked = person.browser.get(f"/authorize?{urlencode(parameters)}")
        answered = person.browser.complete(asked, person.username)
        assert answered.status_code == 303 and answered.location.startswith(f"{redirect_uri}#"), answered.text
        answer = {name: values[0] for name, values in parse_qs(urlsplit(answered.location).fragment).items()}
        assert answer["state"] == parameters["state"] and answer["iss"] == account.issuer
        form = {
            "grant_type": "authorization_code", "code": answer["code"], "redirect_uri": redirect_uri,
            "client_id": "wallet", "code_verifier": verifier,
        }  # fmt: skip
        told = account.send("POST", "/token", form)
        assert told.status_code == 200, told.text
        assert told.json["scope"] == "age_tokens" and "id_token" not in told.json
        return str(told.json["access_token"])

    def fill(self, person: Person, count: int = 8) -> None:
        """Fetch a batch of tokens for the door."""
        bearer = {"Authorization": f"Bearer {self.access_token(person)}"}
        account = self.veiled.account
        shown = account.send("GET", "/token-keys/current", headers=bearer)
        assert shown.status_code == 200, shown.text
        key = BlindRsaPublicKey.from_spki(b64url_decode(shown.json["key"]))
        request, pending = create_batch_request(self.veiled.challenge, key, count)
        answer = account.send(
            "POST", "/token-request", body=request.to_bytes(), headers=bearer,
            content_type=GENERIC_BATCH_REQUEST_MEDIA_TYPE,
        )  # fmt: skip
        assert answer.status_code == 200, answer.text
        self.pending = pending
        tokens = finalize_batch(pending, GenericBatchTokenResponse.from_bytes(answer.data))
        self.tokens += [token for token in tokens if token is not None]

    # -------------------------------------------------------------------------------------------------------- door
    def arrive(self, app: RelyingParty, browser: Browser | None = None, **changes: str | None) -> Shown:
        """An app sends the browser to the door; the page that waits for a token."""
        browser = browser or self.veiled.door.browser()
        page = app.ask(browser, **changes)
        assert page.status_code == 200, page.text
        return Shown(browser, presentation_of(page))

    def fields(self, shown: Shown, token: Token | bytes | None = None) -> dict[str, str]:
        """What to post to show a token: the next one of the wallet, unless one is given."""
        token = token if token is not None else self.tokens.pop()
        data = token if isinstance(token, bytes) else token.to_bytes()
        return presented_fields(self.seed, shown.presentation, data)

    def present(self, app: RelyingParty, **changes: str | None) -> TestResponse:
        """Show a token for a request of an app; the door's answer."""
        shown = self.arrive(app, **changes)
        return shown.post(self.fields(shown))

    def code(self, app: RelyingParty, **changes: str | None) -> str:
        """A fresh code."""
        return told_app(self.present(app, **changes))["code"]

    def tokens_of(self, app: RelyingParty, **changes: str | None) -> dict[str, Any]:
        """Sign in to an app and redeem the code."""
        answer = app.exchange(self.code(app, **changes))
        assert answer.status_code == 200, answer.text
        return dict(answer.json)


def presented_fields(seed: bytes, presentation: dict[str, Any], token: bytes) -> dict[str, str]:
    """What a wallet with this seed posts to show a token for a request."""
    door, sector = presentation["door"], presentation["sector"]
    key = SigningKey(sector_seed(seed, door, sector))
    message = presented_message(door, sector, presentation["request_id"], token)
    return {
        "decision": "allow",
        "token": b64url_encode(token),
        "pk": b64url_encode(bytes(key.verify_key)),
        "sig": b64url_encode(key.sign(message).signature),
    }


def presentation_of(page: "TestResponse | httpx.Response") -> dict[str, Any]:
    """The request in the door's page."""
    found = _DATA.findall(page.text)
    assert len(found) == 1, page.text
    read = json.loads(found[0])
    assert isinstance(read, dict)
    return read


def told_app(answer: TestResponse) -> dict[str, str]:
    """What an app is told by an answer of `/present` in the query."""
    assert answer.status_code == 200, answer.text
    query: dict[str, Sequence[str]] = parse_qs(urlsplit(answer.json["location"]).query, strict_parsing=True)
    return {name: values[0] for name, values in query.items()}


