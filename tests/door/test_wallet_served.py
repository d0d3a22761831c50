"""The wallet as the door serves it: the same for everyone, named in the log, under a strict policy."""

import json

import pytest

from crypto.notes import Verifier
from idp.domain.age_token import WALLET_BATCH
from idp.services.token_keys import log_wallet_files, newest_wallet_files
from idp.web.wallet_files import DIRECTORY, MEDIA_TYPES, read_wallet, wallet_digests
from idp.web.wallet_page import WalletPage
from tests.veiled import Veiled, witness_verifier

FILES = sorted(path.name for path in DIRECTORY.iterdir() if path.suffix in MEDIA_TYPES and path.name != "index.html")


def test_every_file_is_served_as_it_is_installed(veiled: Veiled) -> None:
    assert "wallet.mjs" in FILES and "wallet.css" in FILES
    for name in FILES:
        answer = veiled.door.send("GET", f"/wallet/{name}")
        assert answer.status_code == 200 and answer.data == (DIRECTORY / name).read_bytes()
        assert answer.headers["Content-Type"] == MEDIA_TYPES["." + name.rpartition(".")[2]]
    assert veiled.door.send("GET", "/wallet").data == (DIRECTORY / "index.html").read_bytes()


@pytest.mark.parametrize("path", ["/wallet", "/wallet/wallet.mjs", "/wallet/config.json"])
def test_bytes_and_headers_are_the_same_for_everyone(veiled: Veiled, path: str) -> None:
    """A validator, a cookie or a variant would tell one browser from another (threats D13)."""
    visitors = (
        {},
        {"Cookie": "__Host-blindage_request=AAAA; a=b", "User-Agent": "x"},
        {"Accept-Language": "zh-CN", "If-None-Match": '"x"', "If-Modified-Since": "Thu, 01 Jan 1970 00:00:00 GMT"},
        {"Accept-Encoding": "gzip", "Origin": "https://app.example", "Referer": "https://app.example/"},
    )
    answers = [veiled.door.send("GET", path, headers=headers) for headers in visitors]
    assert len({(answer.data, tuple(sorted(answer.headers))) for answer in answers}) == 1
    assert not {"ETag", "Last-Modified", "Set-Cookie", "Vary"} & set(answers[0].headers.keys())
    assert answers[0].headers["Cache-Control"] == "no-store"
    assert answers[0].headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert answers[0].headers["Referrer-Policy"] == "no-referrer"


@pytest.mark.parametrize("path", ["/wallet/", "/wallet/index.html", "/wallet/../x", "/wallet/x.mjs", "/wallet/a/b.mjs"])
def test_nothing_else_lies_beside_the_files(veiled: Veiled, path: str) -> None:
    assert veiled.door.send("GET", path).status_code == 404


def test_only_reading_is_allowed(veiled: Veiled) -> None:
    for path in ("/wallet", "/wallet/wallet.mjs", "/wallet/config.json"):
        assert veiled.door.send("POST", path, {}).status_code == 405


def test_policy_admits_our_scripts_two_servers_and_no_made_up_script(veiled: Veiled) -> None:
    app = veiled.app()
    plain = veiled.door.send("GET", "/wallet").headers["Content-Security-Policy"]
    asked = app.ask(veiled.door.browser()).headers["Content-Security-Policy"]
    posting = app.ask(veiled.door.browser(), response_mode="form_post").headers["Content-Security-Policy"]
    origin = app.callback.rpartition("/")[0]
    for policy, targets in ((plain, "https:"), (asked, "'none'"), (posting, origin)):
        assert policy == (
            "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self' https://id.example; "
            f"form-action {targets}; frame-ancestors 'none'; base-uri 'none'; "
            "require-trusted-types-for 'script'; trusted-types 'none'"
        )


def test_page_with_a_request_differs_in_the_request_alone(veiled: Veiled) -> None:
    page = veiled.app().ask(veiled.door.browser())
    start, end = b'id="presentation">', b"</script>"
    head, _, rest = page.data.partition(start)
    data, _, tail = rest.partition(end)
    assert head + start + b"null" + end + tail == (DIRECTORY / "index.html").read_bytes()
    assert json.loads(data)["door"] == "https://door.example"


def test_config_names_whom_to_believe(veiled: Veiled) -> None:
    config = veiled.door.json("/wallet/config.json")
    assert config == {
        "door": "https://door.example",
        "account_issuer": "https://id.example",
        "log": {"origin": "id.example/token-keys", "verifier_key": veiled.door.settings.token_log_key},
        "witnesses": [witness_verifier().to_text()],
        "minimum_witness_hours": 24,
        "client_id": "wallet",
        "redirect_uri": "https://door.example/wallet",
        "batch": WALLET_BATCH,
        "demo": False,
    }
    assert Verifier.parse(config["log"]["verifier_key"]).name == config["log"]["origin"]


def test_page_without_its_place_for_a_request_is_refused() -> None:
    files = dict(read_wallet())
    for page in (b"<html></html>", files["index.html"] * 2):
        with pytest.raises(ValueError, match="one place"):
            WalletPage({**files, "index.html": page})


def test_digests_of_the_files_stand_in_the_log_once(fresh: Veiled) -> None:
    store, now = fresh.account.provider.realm.store, fresh.clock.now()
    digests = wallet_digests(read_wallet())
    assert set(digests) == {*FILES, "index.html"}
    assert log_wallet_files(store, digests, now)
    assert not log_wallet_files(store, digests, now)
    assert log_wallet_files(store, {**digests, "wallet.mjs": "other"}, now)
    assert log_wallet_files(store, digests, now)
    assert newest_wallet_files(store.read(lambda tx: tx.token_log.leaves())) == digests
    assert fresh.follower.follow()
