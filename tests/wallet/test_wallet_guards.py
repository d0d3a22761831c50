"""What the wallet refuses in Chromium, under its own policy, and what it lets nobody see."""

from collections import Counter

import pytest

from crypto.encoding import b64url_decode
from tests.wallet.conftest import BATCH, NewPerson
from tests.wallet.control import Stage
from tests.wallet.integrity import WALLET

NO_STORAGE = "Object.defineProperty(window, 'indexedDB', { get() { throw new DOMException('no', 'SecurityError') } })"
NO_ED25519 = """
const generate = SubtleCrypto.prototype.generateKey;
SubtleCrypto.prototype.generateKey = function (algorithm, ...rest) {
  if (algorithm === "Ed25519") return Promise.reject(new DOMException("unknown", "NotSupportedError"));
  return generate.call(this, algorithm, ...rest);
};
"""


@pytest.mark.parametrize(("before", "code"), [(NO_STORAGE, "storage_blocked"), (NO_ED25519, "browser_old")])
def test_a_browser_that_cannot_is_told_why(new_person: NewPerson, before: str, code: str) -> None:
    person = new_person(complains=True, before=before)
    person.open_wallet()
    person.see_error(code)
    assert person.page.locator("#main button").count() == 0


def test_a_configuration_without_witnesses_is_refused_unless_it_says_demo(
    actors: Stage, new_person: NewPerson
) -> None:
    person = new_person(complains=True)
    actors.door.changed_config = {"witnesses": []}
    person.open_wallet()
    person.see_error("config_refused")
    actors.door.changed_config, actors.door.demo = {}, True
    person.open_wallet()
    person.write_down_code()
    person.see("title_home")
    assert person.word("demo") in person.page.inner_text("main")
    person.press("fill")
    person.see_tokens(BATCH)


@pytest.mark.parametrize("name", ["wallet.mjs", "blind_rsa.mjs", "bytes.mjs", "words_zh.mjs", "key_log.mjs"])
def test_a_file_changed_on_the_way_does_not_run(actors: Stage, new_person: NewPerson, name: str) -> None:
    person = new_person(complains=True)
    changed = (WALLET / name).read_bytes() + b"\nglobalThis.wasChanged = true;\n"
    actors.door.changed[name] = changed
    # Modules have run, or never will, when the page is loaded; only the console may be a little later.
    with person.page.expect_console_message(lambda said: "integrity" in said.text):
        person.open_wallet()
    assert person.page.evaluate("globalThis.wasChanged") is None
    assert person.page.locator("#main button").count() == 0
    assert "then do not go on" in " ".join(person.page.inner_text("main").split())


def test_the_page_runs_under_its_policy_and_takes_no_html(new_person: NewPerson) -> None:
    person = new_person(complains=True)
    person.set_up()
    assert person.complaints == []
    refused = person.page.evaluate(
        """() => [
            () => { document.body.innerHTML = "<b>x</b>" },
            () => { document.createElement("script").src = "https://other.example/x.js" },
            () => {
                const script = document.createElement("script");
                script.textContent = "globalThis.ran = true";
                document.body.append(script);
                if (!globalThis.ran) throw new Error("did not run");
            },
        ].filter((attempt) => { try { attempt(); return false } catch { return true } }).length"""
    )
    assert refused == 3


def test_the_code_and_the_pending_request_leave_no_trace_in_addresses(actors: Stage, new_person: NewPerson) -> None:
    person = new_person()
    person.set_up()
    assert person.page.url == f"{person.door}/wallet"
    assert person.page.evaluate("sessionStorage.length") == 0
    heard = b"".join(asked.path.encode() + repr(asked.query).encode() for asked in actors.door.server.asked)
    assert b"code=" not in heard and b"state" not in heard
    assert all("Referer" not in asked.headers for asked in (*actors.issuer.server.asked, *actors.door.app.asked))


def _grams(texts: list[bytes], size: int = 9) -> set[bytes]:
    return {text[at : at + size] for text in texts for at in range(len(text) - size + 1)}


def test_no_string_longer_than_8_bytes_of_one_visit_stands_on_both_sides(
    actors: Stage, new_person: NewPerson
) -> None:
    person = new_person()
    person.set_up()
    person.present("secret-game.example")
    issuer = [asked.body for asked in actors.issuer.server.asked if asked.method == "POST"]
    issuer += [repr(asked.query).encode() for asked in actors.issuer.server.asked]
    issuer += [asked.headers.get("Authorization", "").encode() for asked in actors.issuer.server.asked]
    (presented,) = [asked for asked in actors.door.server.asked if asked.path == "/present"]
    secrets = [value.encode() for value in presented.form.values()]
    secrets += [b64url_decode(presented.form[name]) for name in ("token", "pk", "sig")]
    secrets += [b"secret-game.example"]
    # What is public and the same for everyone: the type and key identifier in each token.
    public = b64url_decode(actors.issuer.leaf["key_id"])
    common = _grams(issuer) & _grams(secrets)
    assert {gram for gram in common if gram not in public} == set()
    assert len(_grams(secrets)) > 400 and len(_grams(issuer)) > 8000


def test_nobody_gets_other_bytes_and_no_cookie_outlives_a_request(actors: Stage, new_person: NewPerson) -> None:
    people = [new_person("en"), new_person("zh-Hans")]
    for person in people:
        person.set_up()
        assert person.context.cookies() == []
    counted = Counter(asked.path for asked in actors.door.server.asked)
    assert {name for name in counted if name.startswith("/wallet/")} == {
        f"/wallet/{path.name}" for path in WALLET.iterdir() if path.name != "index.html"
    } | {"/wallet/config.json"}
    assert all("Cookie" not in asked.headers for asked in actors.door.server.asked)
