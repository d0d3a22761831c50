"""Sectors of apps that register themselves (OIDC Core, section 8.1; OIDC Registration, section 5), rows 81 and 82."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from idp.domain.errors import Refused
from tests.registration import Desk, RegisteredApp, open_desk
from tests.relying_party import error_of


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """One issuer for the tests of this module."""
    with open_desk(tmp_path_factory.mktemp("sectors")) as running:
        yield running


@pytest.fixture(autouse=True)
def forget_fetches(desk: Desk) -> None:
    """Each test counts from nothing."""
    desk.fetcher.asked.clear()


class Family:
    """Several hosts, and the document on a further one that joins them."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.host = desk.fresh_host()
        self.uri = f"https://{self.host}/apps.json"
        self.redirect_uris = [f"https://{desk.fresh_host()}/cb", f"https://{desk.fresh_host()}/cb"]
        # Names are taken for good once they are reviewed.
        self.name = f"Library at {self.host.partition('.')[0]}"
        self.lists([*self.redirect_uris, "https://unrelated.example/cb"])

    def lists(self, document: object) -> None:
        """Put another document at the address; bytes as they are."""
        body = document if isinstance(document, bytes) else json.dumps(document).encode()
        self.desk.fetcher.documents[self.uri] = body

    @property
    def members(self) -> dict[str, Any]:
        """What an app of the family registers with."""
        return {"client_name": self.name, "redirect_uris": self.redirect_uris, "sector_identifier_uri": self.uri}

    def registered(self, token: str | None = None) -> RegisteredApp:
        """An app of the family."""
        return self.desk.registered(token, **self.members)


BAD_DOCUMENTS: list[tuple[str, bytes]] = [
    ("one is missing", b'["https://unrelated.example/cb"]'),
    ("empty array", b"[]"),
    ("object", b'{"redirect_uris": []}'),
    ("text", b'"https://unrelated.example/cb"'),
    ("numbers", b"[1, 2]"),
    ("nested", b'[["https://unrelated.example/cb"]]'),
    ("not JSON", b"<html>"),
    ("empty", b""),
    ("not UTF-8", b'["\xff"]'),
    ("NaN", b"[NaN]"),
    ("deep", b"[" * 10_000 + b"]" * 10_000),
    ("byte order mark", b"\xef\xbb\xbf[]"),
]


def test_a_trusted_registrars_sector_document_is_fetched_and_checked_at_once(desk: Desk) -> None:
    """row 81: OIDC Registration, section 5."""
    family = Family(desk)
    app = family.registered(desk.initial_token())
    assert desk.fetcher.asked == [family.uri]
    assert app.party().client.sector == family.host
    assert app.information["sector_identifier_uri"] == family.uri


@pytest.mark.parametrize(("case", "document"), BAD_DOCUMENTS, ids=[case for case, _ in BAD_DOCUMENTS])
def test_a_wrong_sector_document_refuses_the_registration(desk: Desk, case: str, document: bytes) -> None:
    """row 81: OIDC Registration, sections 3.3 and 5."""
    family = Family(desk)
    family.lists(document)
    assert error_of(desk.ask(desk.initial_token(), **family.members)) == "invalid_client_metadata"


def test_a_sector_document_that_cannot_be_had_refuses_the_registration(desk: Desk) -> None:
    """row 81: whatever the fetcher's reason."""
    family = Family(desk)
    del desk.fetcher.documents[family.uri]
    assert error_of(desk.ask(desk.initial_token(), **family.members)) == "invalid_client_metadata"


@pytest.mark.parametrize(
    "uri",
    [
        "http://app.example/apps.json", "ftp://app.example/x", "https://u@app.example/x", "https://app.example/x#y",
        "file:///etc/passwd", "javascript:1", "https://127.1/x", "https:///x", "//app.example/x", "x", 7, ["x"], {},
        "https://app.example/" + "x" * 2000,
    ],
)  # fmt: skip
def test_sector_identifier_uris_are_https_addresses(desk: Desk, uri: object) -> None:
    """row 81: OIDC Registration, section 2: refused before anything is fetched."""
    assert error_of(desk.ask(desk.initial_token(), sector_identifier_uri=uri)) == "invalid_client_metadata"
    assert desk.fetcher.asked == []


def test_an_update_checks_the_sector_document_again(desk: Desk) -> None:
    """row 81: OIDC Registration, section 5: with the redirect URIs as they would be."""
    family = Family(desk)
    app = family.registered(desk.initial_token())
    more = [*family.redirect_uris, family.redirect_uris[0] + "/new"]
    assert error_of(app.put(redirect_uris=more)) == "invalid_client_metadata"
    assert app.party().client.redirect_uris == tuple(family.redirect_uris)
    family.lists(more)
    assert app.changed(redirect_uris=more)["blindage_state"] == "active"
    assert desk.fetcher.asked == [family.uri] * 3


def test_nothing_is_fetched_before_a_review(desk: Desk) -> None:
    """row 81, threats A22: not at registration, not at an update; the review does it."""
    family = Family(desk)
    app = family.registered()
    app.information = {**app.information, **app.changed(client_name=f"{family.name} East")}
    assert desk.fetcher.asked == []
    app.review()
    assert desk.fetcher.asked == [family.uri]
    assert app.party().client.sector == family.host


@pytest.mark.parametrize(("case", "document"), BAD_DOCUMENTS, ids=[case for case, _ in BAD_DOCUMENTS])
def test_a_wrong_sector_document_refuses_the_review(desk: Desk, case: str, document: bytes) -> None:
    """row 81: and the app stays pending."""
    family = Family(desk)
    app = family.registered()
    family.lists(document)
    with pytest.raises(Refused, match="sector_identifier_uri"):
        app.review()
    assert app.state == "pending"


def test_an_unchecked_sector_gives_no_pseudonyms_of_that_sector(desk: Desk) -> None:
    """row 81, OIDC Core, section 8.1: naming somebody's address is not enough to know people as they do."""
    family = Family(desk)
    first = family.registered(desk.initial_token())
    tester = desk.tester()
    subject = desk.app.verified(first.party().tokens(tester)["id_token"])[1]["sub"]
    intruder_host = desk.fresh_host()
    intruder = desk.registered(
        client_name="Oak Library", redirect_uris=[f"https://{intruder_host}/cb"], sector_identifier_uri=family.uri
    )
    assert intruder.party().client.sector == f"client:{intruder.id}"
    assert desk.app.verified(intruder.party().tokens(tester)["id_token"])[1]["sub"] != subject
    family.lists([*family.redirect_uris, f"https://{intruder_host}/cb"])
    with pytest.raises(Refused, match="another owner"):
        intruder.review()


def test_apps_of_one_owner_share_a_sector(desk: Desk) -> None:
    """row 115: the same person, the same pseudonym."""
    family = Family(desk)
    first, second = (family.registered(desk.initial_token("Maple House")) for _ in range(2))
    tester = desk.tester()
    subjects = {
        desk.app.verified(app.party().tokens(tester)["id_token"])[1]["sub"] for app in (first, second)
    }  # fmt: skip
    assert len(subjects) == 1


@pytest.mark.parametrize(
    "uris",
    [
        ["https://a.example/cb", "https://b.example/cb"],
        ["https://a.example/cb", "https://sub.a.example/cb"],
        ["https://a.example/cb", "http://127.0.0.1/cb"],
        ["https://a.example/cb", "com.example.app:/cb"],
    ],
)
def test_several_hosts_without_a_sector_document_are_refused(desk: Desk, uris: list[str]) -> None:
    """row 82: OIDC Core, section 8.1."""
    answer = desk.ask(redirect_uris=uris, client_name="Elm Library", application_type="native")
    assert error_of(answer) == "invalid_client_metadata"


def test_one_host_is_its_own_sector_whatever_port_and_path(desk: Desk) -> None:
    """row 82: OIDC Core, section 8.1: the host component."""
    host = desk.fresh_host()
    app = desk.registered(redirect_uris=[f"https://{host}/a", f"https://{host}:8443/b"])
    assert app.party().client.sector == host


def test_apps_without_a_host_of_their_own_are_sectors_of_their_own(desk: Desk) -> None:
    """privacy-and-crypto.md: loopback and private schemes name no owner."""
    for uri in ("http://127.0.0.1/cb", "http://localhost/cb", "com.example.app:/cb"):
        app = desk.registered(redirect_uris=[uri], application_type="native", client_name="Elm Library")
        assert app.party().client.sector == f"client:{app.id}"
