"""Review of apps, and whose a sector and a name are: the first reviewed owner's."""

from collections.abc import Iterator
from functools import partial

import pytest

from idp.domain.client import Client, ClientState
from idp.domain.errors import Refused
from idp.services.client_review import review_client
from idp.services.clients import register_client
from tests.registration import Desk, RegisteredApp, at_once, open_desk
from tests.relying_party import error_of


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """One issuer for the tests of this module."""
    with open_desk(tmp_path_factory.mktemp("reviews")) as running:
        yield running


def by_operator(desk: Desk, name: str, host: str) -> Client:
    """A client that the operator registers."""
    draft = Client(
        id="", name=name, state=ClientState.ACTIVE, created_at=0, redirect_uris=(f"https://{host}/cb",), sector=""
    )
    return register_client(desk.app.provider.realm, draft).client


def test_a_reviewed_app_that_nobody_answers_for_owns_itself(desk: Desk) -> None:
    app = desk.registered()
    assert app.party().client.owner is None and app.party().client.reviewed_at is None
    desk.app.clock.advance(5)
    app.review()
    client = app.party().client
    assert (client.owner, client.reviewed_at) == (client.id, desk.app.clock.now())


def test_the_operator_says_whose_an_app_is(desk: Desk) -> None:
    app = desk.registered()
    app.review(owner="Maple House")
    assert app.party().client.owner == "Maple House"
    app.review()
    assert app.party().client.owner == "Maple House"


def test_a_review_is_of_the_version_that_was_looked_at(desk: Desk) -> None:
    app = desk.registered()
    provider, seen = desk.app.provider, app.party().client.version
    app.changed(blindage_manifest={"purpose": "something the operator has not read"})
    with pytest.raises(Refused) as refused:
        review_client(provider.realm, provider.fetcher, app.id, version=seen)
    assert refused.value.reason == "changed"
    assert app.state == "pending"
    review_client(provider.realm, provider.fetcher, app.id, version=seen + 1)
    assert app.state == "active"


def test_an_unknown_app_cannot_be_reviewed(desk: Desk) -> None:
    provider = desk.app.provider
    with pytest.raises(Refused) as refused:
        review_client(provider.realm, provider.fetcher, "unknown")
    assert refused.value.reason == "unknown_client"


def test_a_sector_belongs_to_its_first_reviewed_owner(desk: Desk) -> None:
    """privacy-and-crypto.md: another owner's client on it is refused."""
    host = desk.fresh_host()
    by_operator(desk, "Maple Library", host)
    uris = [f"https://{host}/other"]
    assert error_of(desk.ask(redirect_uris=uris, client_name="Oak Library")) == "invalid_client_metadata"
    token = desk.initial_token("Oak House")
    assert error_of(desk.ask(token, redirect_uris=uris, client_name="Oak Library")) == "invalid_client_metadata"
    assert desk.ask(desk.initial_token(), redirect_uris=uris, client_name="Maple Reading").status_code == 201


def test_waiting_apps_own_nothing(desk: Desk) -> None:
    """Who registers first without a review keeps nobody out; the first review decides."""
    host = desk.fresh_host()
    squatter, owner = (
        desk.registered(redirect_uris=[f"https://{host}/{path}"], client_name="Willow Radio") for path in "ab"
    )
    owner.review()
    with pytest.raises(Refused, match="another owner"):
        squatter.review()
    assert squatter.state == "pending"
    assert error_of(squatter.put(default_max_age=5)) == "invalid_client_metadata"


def test_a_sector_stays_its_owners_when_the_app_is_gone(desk: Desk) -> None:
    """Nobody inherits the pseudonyms of an app that was deleted."""
    host = desk.fresh_host()
    app = desk.registered(desk.initial_token("Beech House"), redirect_uris=[f"https://{host}/cb"])
    assert app.send("DELETE").status_code == 204
    assert error_of(desk.ask(redirect_uris=[f"https://{host}/cb"])) == "invalid_client_metadata"
    again = desk.ask(desk.initial_token("Beech House"), redirect_uris=[f"https://{host}/cb"])
    assert again.status_code == 201


@pytest.mark.parametrize(
    "name",
    [
        "Lantern Cinema", "lantern cinema", "LANTERN CINEMA", "Lantern-Cinema", "LanternCinema",
        "Lantem Cinema", "Lantern C1nema", "Iantern Cinema", "1antern Cinema", "|antern Cinema", "L\u00e4ntern Cinema",
        "Lantern Cin\u00e9ma", "Lantern.Cinema", "L@ntern Cinema",
    ],
)  # fmt: skip
def test_a_name_that_looks_like_a_reviewed_one_is_refused(desk: Desk, name: str) -> None:
    """threats A21: look-alikes of registered names."""
    by_operator(desk, "Lantern Cinema", "lantern.example")
    for token in (None, desk.initial_token("Moth House")):
        assert error_of(desk.ask(token, client_name=name)) == "invalid_client_metadata"


def test_an_update_cannot_take_a_reviewed_name(desk: Desk) -> None:
    """threats A21."""
    by_operator(desk, "Harbour Cinema", "harbour.example")
    app = desk.registered(client_name="Dune Cinema")
    assert error_of(app.put(client_name="Harb0ur Cinema")) == "invalid_client_metadata"


@pytest.mark.parametrize("name", ["Blindage", "blindage login", "BIindage", "B1indage Support", "My Blindage"])
def test_the_providers_own_name_is_not_to_be_had(desk: Desk, name: str) -> None:
    """threats A21: an app that called itself this would be taken for the page it is shown on."""
    for token in (None, desk.initial_token("Moth House")):
        assert error_of(desk.ask(token, client_name=name)) == "invalid_client_metadata"


@pytest.mark.parametrize("name", ["paypal.com", "login.bank.example", "Sign in at bank.example", "bank．example"])
def test_a_domain_in_a_name_must_be_the_apps_own(desk: Desk, name: str) -> None:
    """threats A21: it would be read as where the person is going."""
    assert error_of(desk.ask(client_name=name)) == "invalid_client_metadata"
    own = desk.fresh_host()
    assert desk.ask(client_name=f"My {own}", redirect_uris=[f"https://www.{own}/cb"]).status_code == 201


def test_thresholds_of_all_apps_of_a_sector_are_one_scheme(desk: Desk) -> None:
    """threats C06: they know a person by one `sub`, so what they may test adds up."""
    host, token = desk.fresh_host(), desk.initial_token("Cedar House")

    def ask(path: str, *thresholds: int) -> int:
        uris = [f"https://{host}/{path}"]
        return desk.ask(token, redirect_uris=uris, blindage_thresholds=list(thresholds)).status_code

    assert ask("a", 14, 18) == 201
    assert ask("b", 14, 16, 18) == 201
    assert ask("c", 12) == 400
    assert ask("d", 18) == 201


def test_of_two_reviews_at_once_one_owner_wins(desk: Desk) -> None:
    """Ownership is one insert: never read, decide, write."""
    for _ in range(5):
        host = desk.fresh_host()
        apps = [desk.registered(redirect_uris=[f"https://{host}/{path}"]) for path in "ab"]
        outcomes = at_once(*(partial(_review, app) for app in apps))
        assert sorted(outcomes) == ["active", "refused"]


def _review(app: RegisteredApp) -> str:
    try:
        app.review()
    except Refused:
        return "refused"
    return "active"
