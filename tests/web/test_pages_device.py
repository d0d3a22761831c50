"""`/device` in the browser (RFC 8628, sections 3.3 and 5.4): the code, the question, the answer."""

from dataclasses import replace

import pytest
from werkzeug.test import TestResponse

from idp.domain.client import Client, Manifest
from idp.domain.device_grant import Approved, Denied, DeviceGrant, DeviceType, Waiting, read_user_code
from idp.protocol.authorization.device import approve_device, deny_device
from idp.protocol.authorization.pending import device_request
from idp.services.user_codes import user_code_index
from tests.device import DEVICE_CLIENT, waiting_code
from tests.web.conftest import Pages, authorize_url
from tests.web.visitor import Visitor, forms_of, query_of

QUESTION = "Is this device in front of you?"


@pytest.fixture(scope="module")
def television(pages: Pages) -> Client:
    """An app on televisions."""
    return pages.app_client(**DEVICE_CLIENT)


@pytest.fixture
def code(pages: Pages, television: Client) -> str:
    """The code that a television shows."""
    return waiting_code(pages.provider, television)


def type_in(visitor: Visitor, code: str) -> TestResponse:
    """Type a code in; the answer, not followed."""
    return visitor.submit(visitor.get("/device"), {"user_code": code})


def question(pages: Pages, code: str, visitor: Visitor | None = None) -> tuple[Visitor, TestResponse]:
    """A signed-in browser at the question."""
    visitor = visitor or pages.signed_in(pages.person())
    page = visitor.follow(type_in(visitor, code))
    assert QUESTION in page.text
    return visitor, page


def stored(pages: Pages, code: str) -> DeviceGrant:
    """What is stored of the device that shows a code."""
    realm = pages.provider.realm
    index = user_code_index(realm, read_user_code(code) or "")
    grant = realm.store.read(lambda tx: tx.device_grants.by_user_code(index))
    assert grant is not None
    return grant


def test_code_leads_over_sign_in_to_the_question_and_back_to_the_device(pages: Pages, code: str) -> None:
    """row 99: RFC 8628, section 3.3: the person signs in, is asked, and is sent back to the device."""
    person, visitor = pages.person(), pages.visitor()
    sign_in = visitor.follow(type_in(visitor, code))
    assert "Garden TV" in sign_in.text and 'name="password"' in sign_in.text
    asked = visitor.follow(visitor.sign_in(person.username, sign_in))
    assert QUESTION in asked.text and isinstance(stored(pages, code).stage, Waiting)
    done = visitor.submit(asked, {"decision": "allow"})
    assert (done.status_code, done.location) == (303, "/device?done=allowed")
    assert "Go back to your device" in visitor.follow(done).text
    stage = stored(pages, code).stage
    assert isinstance(stage, Approved) and stage.account_id == person.id


@pytest.mark.parametrize("by", ["typing", "address"])
def test_question_names_app_device_time_and_code_however_the_code_came(
    pages: Pages, television: Client, by: str
) -> None:
    """row 99: RFC 8628, sections 3.3.1 and 5.4; threats A23: client, device, place and time, and a warning."""
    code = waiting_code(pages.provider, television, blindage_device_type="television")
    visitor = pages.signed_in(pages.person())
    answer = type_in(visitor, code) if by == "typing" else visitor.get(f"/device?user_code={code}")
    page = visitor.follow(answer)
    for text in (
        QUESTION, "Garden TV", "on another device", code, "a television", "When it asked", "at 8:00", "China",
        "from the network that you are on, too", "Did you start this yourself", "This app will learn",
        "Whether you are a minor or an adult",
    ):  # fmt: skip
        assert text in page.text, text
    [form] = forms_of(page)
    assert form.buttons == [("decision", "allow"), ("decision", "deny")]


@pytest.mark.parametrize(
    ("device_type", "words"),
    [
        ("television", "a television"), ("watch", "a watch"), ("speaker", "a speaker"), ("console", "a game console"),
        ("phone", "a phone"), ("other", "it does not say what it is"),
    ],
)  # fmt: skip
def test_every_device_type_has_its_words(pages: Pages, television: Client, device_type: str, words: str) -> None:
    """row 99."""
    code = waiting_code(pages.provider, television, blindage_device_type=device_type)
    assert words in question(pages, code)[1].text


def test_every_device_type_is_tried_above() -> None:
    """row 99: a new one needs words."""
    mark = next(mark for mark in test_every_device_type_has_its_words.pytestmark if mark.name == "parametrize")
    assert {values[0] for values in mark.args[1]} == set(DeviceType)


def test_device_on_another_network_is_said_to_be(pages: Pages, television: Client) -> None:
    """row 99: threats A23: a code that was sent around comes from elsewhere."""
    code = waiting_code(pages.provider, television, peer="203.0.113.9")
    assert "from another network than the one you are on" in question(pages, code)[1].text


def test_code_of_the_address_is_never_typed_in_for_the_person(pages: Pages, code: str) -> None:
    """row 99: threats A23: no prefilled code; it is shown, to be compared."""
    visitor = pages.signed_in(pages.person())
    asked = visitor.follow(visitor.get(f"/device?user_code={code}"))
    assert code not in [value for form in forms_of(asked) for value in form.fields.values()]
    wrong = visitor.get("/device?user_code=BBBB-BBBB")
    assert wrong.status_code == 400 and "BBBB" not in forms_of(wrong)[0].fields.values()


def test_question_is_asked_again_for_every_device(pages: Pages, television: Client) -> None:
    """row 99: a remembered consent answers for no device."""
    visitor, page = question(pages, waiting_code(pages.provider, television))
    visitor.submit(page, {"decision": "allow"})
    _, again = question(pages, waiting_code(pages.provider, television), visitor)
    assert QUESTION in again.text


@pytest.mark.parametrize("typed", ["", "BCD", "BCDF-GHJA", "12345678", "é" * 8, "B" * 33])
def test_what_cannot_be_a_code_is_told_so(pages: Pages, typed: str) -> None:
    """row 98."""
    page = type_in(pages.visitor(), typed)
    assert page.status_code == 400 and "A code has eight letters" in page.text
    assert 'aria-invalid="true"' in page.text and "<title>Please check" in page.text


def test_page_of_others_uses_no_tries_up_by_what_it_embeds(pages: Pages, code: str) -> None:
    """row 98: an image at the address with a code is no try."""
    visitor = pages.visitor()
    for _ in range(10):
        embedded = visitor.get("/device?user_code=BBBB-BBBB", Sec_Fetch_Mode="no-cors", Sec_Fetch_Site="cross-site")
        assert embedded.status_code == 200
    followed = visitor.get(f"/device?user_code={code}", Sec_Fetch_Mode="navigate", Sec_Fetch_Site="cross-site")
    assert followed.status_code == 303 and followed.location.startswith("/sign-in?")


def test_no_answer_without_a_decision_of_the_person(pages: Pages, code: str) -> None:
    """row 99."""
    visitor, page = question(pages, code)
    assert visitor.submit(page).status_code == 400
    assert visitor.submit(page, {"decision": "perhaps"}).status_code == 400
    assert isinstance(stored(pages, code).stage, Waiting)


def test_question_belongs_to_its_browser(pages: Pages, code: str) -> None:
    """row 99: threats B04: a link to the question, made in another browser, is worth nothing."""
    visitor, page = question(pages, code)
    location = type_in(visitor, code).location
    victim = pages.signed_in(pages.person())
    assert victim.get(location).status_code == 400
    fields = {**forms_of(page)[0].fields, "decision": "allow"}
    assert victim.post("/device/confirm", fields).status_code == 403
    assert isinstance(stored(pages, code).stage, Waiting)


@pytest.mark.parametrize("answer", ["allow", "deny"])
def test_first_answer_stands(pages: Pages, code: str, answer: str) -> None:
    """row 97: of two people with the same code the first decides; the other learns that it is too late."""
    first, one = question(pages, code)
    second, two = question(pages, code)
    first.submit(one, {"decision": answer})
    stage = stored(pages, code).stage
    assert isinstance(stage, Approved if answer == "allow" else Denied)
    assert second.submit(two, {"decision": "allow"}).status_code == 400
    assert stored(pages, code).stage == stage


def test_answers_at_the_same_moment_leave_one(pages: Pages, code: str) -> None:
    """row 97: the later of two that were both checked while the code waited."""
    request = device_request(pages.provider, stored(pages, code), code)
    approved = Approved(bytes(16), "s", frozenset({"openid"}), "", 0, None, None, None, None)
    assert deny_device(pages.provider, request).answer == "denied"
    assert approve_device(pages.provider, request, approved).answer == "late"
    assert "This code does not count any more" in pages.visitor().get("/device?done=late").text


def test_consent_page_answers_for_no_device(pages: Pages, code: str) -> None:
    """row 99: else the question whether it is in front of the person could be left out."""
    visitor = pages.signed_in(pages.person())
    sealed = query_of(type_in(visitor, code).location)["request"]
    shown = visitor.get(f"/consent?request={sealed}")
    assert shown.status_code == 303 and shown.location.startswith("/device/confirm?")
    other = forms_of(visitor.follow(visitor.get(authorize_url(pages.app_client()))))[0]
    posted = visitor.post(other.action, {**other.fields, "request": sealed, "decision": "allow"})
    assert posted.status_code == 400
    assert isinstance(stored(pages, code).stage, Waiting)


def test_device_page_answers_for_no_browser_app(pages: Pages, code: str) -> None:
    """row 99: an app's own request goes its own way."""
    visitor = pages.signed_in(pages.person())
    location = visitor.get(authorize_url(pages.app_client())).location
    assert location.startswith("/consent?")
    answer = visitor.get(location.replace("/consent?", "/device/confirm?"))
    assert answer.status_code == 303 and answer.location.startswith("/consent?")


def test_consent_counts_for_the_manifest_that_was_shown(pages: Pages, television: Client, code: str) -> None:
    """row 99: as on the consent page."""
    visitor, page = question(pages, code)
    store = pages.provider.realm.store
    current = store.read(lambda tx: tx.clients.current(television.id))
    assert current is not None
    changed = replace(current, manifest=Manifest(version=current.manifest.version + 1, purpose="Something else"))
    assert store.write(lambda tx: tx.clients.replace(changed, current.version))
    again = visitor.submit(page, {"decision": "allow"})
    assert again.status_code == 303 and again.location.startswith("/device/confirm?")
    assert "Something else" in visitor.follow(again).text
    assert isinstance(stored(pages, code).stage, Waiting)


def test_another_account_may_take_over(pages: Pages, code: str) -> None:
    """row 99: the person at the question may not be the one who is signed in."""
    visitor, page = question(pages, code)
    sealed = forms_of(page)[0].fields["request"]
    other = pages.person()
    sign_in = visitor.get(f"/sign-in?request={sealed}&other=1")
    asked = visitor.follow(visitor.sign_in(other.username, sign_in))
    assert f"<bdi>{other.username}</bdi>" in asked.text
    visitor.submit(asked, {"decision": "allow"})
    stage = stored(pages, code).stage
    assert isinstance(stage, Approved) and stage.account_id == other.id


def test_app_on_a_device_is_listed_on_the_account_page(pages: Pages, code: str) -> None:
    """row 99: where the person takes it back."""
    visitor, page = question(pages, code)
    visitor.submit(page, {"decision": "allow"})
    account = visitor.get("/account").text
    assert "Garden TV" in account and "on another device" in account


@pytest.mark.parametrize("done", ["allowed", "denied", "late"])
def test_every_answer_has_a_page_in_both_languages(pages: Pages, done: str) -> None:
    """row 99."""
    english, chinese = (pages.visitor().get(f"/device?done={done}&lang={tag}") for tag in ("en", "zh-Hans"))
    assert english.status_code == chinese.status_code == 200
    assert '<html lang="zh-Hans">' in chinese.text and english.text != chinese.text
    assert "Connect a device" in pages.visitor().get("/device?done=nonsense&lang=en").text


def test_question_speaks_the_language_that_the_device_wishes(pages: Pages, television: Client) -> None:
    """row 99: `ui_locales`, until the person chooses another."""
    code = waiting_code(pages.provider, television, ui_locales="zh-CN")
    visitor = pages.signed_in(pages.person())
    page = visitor.follow(type_in(visitor, code))
    assert '<html lang="zh-Hans">' in page.text and "这台设备在你面前吗？" in page.text
    sealed = forms_of(page)[0].fields["request"]
    assert QUESTION in visitor.get(f"/device/confirm?request={sealed}&lang=en").text
