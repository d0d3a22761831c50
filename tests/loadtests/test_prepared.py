"""Locust workers share codes without using one twice."""

import stat
from pathlib import Path

from loadtests.contestant import Codes
from loadtests.prepared import App, Person, Prepared


def prepared(count: int) -> Prepared:
    codes = Codes("id", "secret", "http://127.0.0.1:9/callback", [(f"code-{n}", f"verifier-{n}") for n in range(count)])
    return Prepared(App("id", "secret", "http://127.0.0.1:9/callback"), [Person("a", "b")], codes, codes)


def test_shares_are_disjoint_and_complete() -> None:
    whole = prepared(101)
    shares = [whole.share(index, 4) for index in range(4)]
    dealt = [code for share in shares for code in share.exchange.codes]
    assert len(dealt) == len(set(dealt)) == 101
    assert set(dealt) == set(whole.exchange.codes)


def test_what_was_written_is_read_again_and_only_by_its_owner(tmp_path: Path) -> None:
    file = tmp_path / "prepared.json"
    prepared(3).write(file)
    assert Prepared.read(file).exchange.exchanges() == prepared(3).exchange.exchanges()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_credentials_are_encoded_as_the_standard_says() -> None:
    # RFC 6749, section 2.3.1: both halves are form-urlencoded before they are joined.
    assert Codes("a:b", "c d", "", []).authorization == "Basic YSUzQWI6YyUyMGQ="
