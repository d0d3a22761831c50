/** The wallet's requests against real servers on loopback; the state of those is set and seen over `/test`. */
import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";

import {
  beginAuthorization, finishAuthorization, isResponse,
} from "../../idp/web/pages/static/wallet/authorization.mjs";
import { fetchConfig } from "../../idp/web/pages/static/wallet/config.mjs";
import { fetchTokens } from "../../idp/web/pages/static/wallet/fill.mjs";
import {
  declinePresentation, keepWaiting, presentToken, readPresentation, waitingPresentation,
} from "../../idp/web/pages/static/wallet/present.mjs";
import { openStore } from "../../idp/web/pages/static/wallet/store.mjs";
import { FakeIndexedDB } from "./fake_indexeddb.mjs";
import { given, refuses } from "./material.mjs";

const now = Math.floor(Date.now() / 1000);
const seed = new Uint8Array(32).fill(9);
let store;
let session;
let waits;
let web;
let config;

class FakeStorage {
  #items = new Map();
  getItem = (name) => this.#items.get(name) ?? null;
  setItem = (name, text) => void this.#items.set(name, String(text));
  removeItem = (name) => void this.#items.delete(name);
}

/** Ask the test's own server to change the stubs, and to say how they are. */
async function control(changes = {}) {
  const response = await fetch(given.control, { method: "POST", body: JSON.stringify(changes) });
  assert.equal(response.status, 200);
  return response.json();
}

beforeEach(async () => {
  await control({ reset: true });
  store = await openStore(new FakeIndexedDB());
  session = new FakeStorage();
  waits = [];
  web = { fetch, wait: async (milliseconds) => void waits.push(milliseconds) };
  config = await fetchConfig(`${given.door}/wallet`, web);
});

/** Send the person to the issuer, which answers at once; the fragment they come back with. */
async function visitIssuer() {
  const response = await fetch(await beginAuthorization(config, session), { redirect: "manual" });
  assert.equal(response.status, 303);
  const { hash, origin, pathname } = new URL(response.headers.get("location"));
  assert.equal(origin + pathname, config.redirect_uri);
  assert.ok(isResponse(hash));
  return hash;
}

async function signIn() {
  return finishAuthorization(config, session, await visitIssuer(), web);
}

async function fill() {
  return fetchTokens({ config, accessToken: await signIn(), store, web, now });
}

async function present(presentation) {
  return presentToken({ presentation, store, seed, web, now });
}

test("a batch is fetched and every token is good at the door, once", async () => {
  assert.equal(await fill(), 8);
  const left = await store.tokensLeft(now);
  assert.equal(left.count, 8);
  assert.equal(left.band, "adult");
  assert.equal(left.until, given.begins + 2 * 28 * 86400);
  const filled = await store.value("filled");
  assert.equal(filled.epochEnds, given.begins + 28 * 86400);
  for (let use = 0; use < 8; use += 1) {
    const { requests: [presentation] } = await control({ requests: 1 });
    const { location } = await present(presentation);
    assert.match(location, /\/callback\?code=/);
    assert.equal((await store.tokensLeft(now, presentation.request_id)).hasReserved, false);
  }
  const { spent, charged } = await control();
  assert.equal(spent, 8);
  assert.equal(charged, 8);
  await refuses("no_token", async () => present((await control({ requests: 1 })).requests[0]));
});

test("one sector has one key, two sectors have two", async () => {
  await fill();
  const { requests } = await control({ sectors: ["a.example", "b.example", "a.example"] });
  for (const presentation of requests) await present(presentation);
  const { subjects: [[, first], [, second], [, third]] } = await control();
  assert.equal(first, third);
  assert.notEqual(first, second);
});

test("a lost answer of the door is asked for again, and gives the same code", async () => {
  await fill();
  const { requests: [presentation] } = await control({ requests: 1, door_answers_lost: 2 });
  await present(presentation);
  const { spent, presented } = await control();
  assert.equal(spent, 1);
  assert.equal(presented, 3);
  assert.equal((await store.tokensLeft(now)).count, 7);
});

test("a door that stays away keeps the token for this request", async () => {
  await fill();
  const { requests: [presentation] } = await control({ requests: 1, door_failing: [503, 503, 503] });
  await refuses("door_unreachable", () => present(presentation));
  assert.deepEqual(waits, [1000, 1000]);
  assert.equal((await store.tokensLeft(now, presentation.request_id)).hasReserved, true);
  await present(presentation);
  assert.equal((await store.tokensLeft(now)).count, 7);
  assert.equal((await control()).spent, 1);
});

test("a refused token is thrown away, the next one is taken", async () => {
  await fill();
  const { requests: [presentation] } = await control({ requests: 1 });
  const wrong = { ...presentation, sector: "other.example" };
  await refuses("token_refused", () => present(wrong));
  assert.equal((await store.tokensLeft(now)).count, 7);
  await present(presentation);
  assert.equal((await store.tokensLeft(now)).count, 6);
});

test("a request that the door does not know, or that is too old, spends nothing", async () => {
  await fill();
  const { requests: [presentation] } = await control({ requests: 1 });
  await refuses("door_refused", () => present({ ...presentation, csrf: "other" }));
  await refuses("request_expired", () => present({ ...presentation, expires_at: now }));
  assert.equal((await control()).spent, 0);
});

test("declining tells the door no more than that", async () => {
  await fill();
  const { requests: [presentation] } = await control({ requests: 1 });
  const { location } = await declinePresentation({ presentation, web });
  assert.match(location, /error=access_denied/);
  assert.equal((await store.tokensLeft(now)).count, 8);
});

test("an answer that leads into a script or nowhere is not followed", async () => {
  const { requests: [presentation] } = await control({ requests: 1 });
  for (const answer of [
    { location: "javascript:alert(1)" }, { location: "data:text/html,x" }, { location: "/here" }, { location: 7 }, {},
    null,
    { form_post: { action: "JavaScript:x" } }, { form_post: { action: "https://a.example/", fields: { a: 7 } } },
  ]) {
    const lying = { ...web, fetch: async () => Response.json(answer) };
    await refuses("door_refused", () => declinePresentation({ presentation, web: lying }));
  }
  const posting = { form_post: { action: "https://a.example/", fields: { code: "c" } } };
  const answered = { ...web, fetch: async () => Response.json(posting) };
  assert.deepEqual(await declinePresentation({ presentation, web: answered }), posting);
});

test("a lost answer of the issuer is asked for again and charged once", async () => {
  await control({ issuer_answers_lost: 2 });
  assert.equal(await fill(), 8);
  assert.equal((await control()).charged, 8);
});

test("an answer lost for good is fetched at the next visit, and charged once", async () => {
  await control({ issuer_answers_lost: 3 });
  await refuses("issuer_unreachable", fill);
  assert.equal((await store.tokensLeft(now)).count, 0);
  assert.equal(await fill(), 8);
  assert.equal((await control()).charged, 8);
  assert.equal(await store.value("batch"), null);
});

test("a busy issuer is given the time it asks for, up to ten seconds", async () => {
  await control({ issuer_failing: { "/token-request": [503, 503] } });
  assert.equal(await fill(), 8);
  assert.deepEqual(waits, [1000, 1000]);
  await control({ issuer_failing: { "/token-keys/current": [503, 503, 503] } });
  await refuses("issuer_busy", fill);
});

for (const [path, status, code] of [
  ["/token-keys/current", 401, "sign_in_failed"], ["/token-keys/current", 403, "not_entitled"],
  ["/token-keys/log", 404, "issuer_unreachable"], ["/token-request", 403, "not_entitled"],
  ["/token-request", 429, "quota_used"], ["/token-request", 422, "issuer_refused"],
  ["/token-request", 500, "issuer_refused"],
]) {
  test(`${path} answering ${status} is told as ${code}`, async () => {
    await control({ issuer_failing: { [path]: [status] } });
    await refuses(code, fill);
    assert.equal((await store.tokensLeft(now)).count, 0);
  });
}

test("a batch that the issuer will not read is not sent again", async () => {
  await control({ issuer_failing: { "/token-request": [422] } });
  await refuses("issuer_refused", fill);
  assert.equal(await store.value("batch"), null);
  await control({ issuer_failing: { "/token-request": [429] } });
  await refuses("quota_used", fill);
  assert.notEqual(await store.value("batch"), null);
});

test("a key for one person alone is refused before anything is blinded for it", async () => {
  await control({ issuer_shows_unlogged_key: true });
  await refuses("key_not_logged", fill);
  const { paths } = await control();
  assert.ok(!paths.includes("/token-request"));
});

test("one token of a batch marked by another key: all of the key is thrown away, for good", async () => {
  assert.equal(await fill(), 8);
  await control({ issuer_marks: true });
  await refuses("batch_failed", fill);
  assert.equal((await store.tokensLeft(now)).count, 0);
  await control({ issuer_marks: false });
  await refuses("key_discarded", fill);
});

test("a log that forgot something since the last visit is refused", async () => {
  await fill();
  const { size } = await store.value("head");
  assert.equal(size, 2);
  await control({ issuer_forgets: true });
  await refuses("log_refused", fill);
});

test("a garbled log is refused as a log", async () => {
  const garbling = { ...web, fetch: async (url, init) => {
    const response = await fetch(url, init);
    if (!String(url).endsWith("/token-keys/log")) return response;
    const document = await response.json();
    return Response.json({ ...document, leaves: document.leaves.map((leaf) => `${leaf}=`) });
  } };
  const accessToken = await signIn();
  await refuses("log_refused", () => fetchTokens({ config, accessToken, store, web: garbling, now }));
});

test("an answer that this tab did not ask for is refused, and asking is good for one answer", async () => {
  const fragment = await visitIssuer();
  await refuses("sign_in_stale", () => finishAuthorization(config, new FakeStorage(), fragment, web));
  const forged = fragment.replace(/state=[^&]*/, "state=forged");
  await refuses("sign_in_stale", () => finishAuthorization(config, session, forged, web));
  await refuses("sign_in_stale", () => finishAuthorization(config, session, fragment, web));
});

test("an answer of another issuer is refused, and so is one without a name", async () => {
  for (const name of ["iss=https%3A%2F%2Fother.example", "other=x"]) {
    const fragment = (await visitIssuer()).replace(/iss=[^&]*/, name);
    await refuses("sign_in_failed", () => finishAuthorization(config, session, fragment, web));
  }
});

test("a person who says no at the issuer is told that nothing was fetched", async () => {
  await control({ issuer_declines: true });
  await refuses("sign_in_declined", signIn);
});

test("a code that is not good, or a token of another scope, ends the sign-in", async () => {
  await refuses("sign_in_failed", async () =>
    finishAuthorization(config, session, (await visitIssuer()).replace(/code=[^&]*/, "code=other"), web));
  for (const answer of [
    { access_token: "t", token_type: "Bearer", scope: "age_tokens openid" }, { access_token: "t", token_type: "DPoP" },
    { token_type: "Bearer" }, {}, null,
  ]) {
    const other = { ...web, fetch: async () => Response.json(answer) };
    const fragment = await visitIssuer();
    await refuses("sign_in_failed", () => finishAuthorization(config, session, fragment, other));
  }
});

test("what travels to the issuer names no app, no cookie and no page", async () => {
  const { requests: [presentation] } = await control({ requests: 1 });
  keepWaiting(session, presentation);
  await fill();
  assert.deepEqual(waitingPresentation(session, given.door, now), presentation);
  const { issuer_heard: heard } = await control();
  for (const name of ["request_id", "sector", "app_name", "csrf", "request"]) {
    assert.ok(!heard.includes(presentation[name]), name);
  }
  assert.ok(!/^(?:cookie|referer):/im.test(heard));
});

test("a waiting request that expired, is of another door or was garbled is forgotten", async () => {
  const { requests: [presentation] } = await control({ requests: 1 });
  for (const [text, time] of [
    [JSON.stringify(presentation), presentation.expires_at], ["{", now], ["7", now],
    [JSON.stringify({ ...presentation, door: "https://other.example" }), now],
  ]) {
    session.setItem("blindage-wallet-presentation", text);
    assert.equal(waitingPresentation(session, given.door, time), null);
    assert.equal(session.getItem("blindage-wallet-presentation"), null);
  }
});

test("a request in the door's page that lacks something is refused", async () => {
  const { requests: [presentation] } = await control({ requests: 1 });
  assert.equal(readPresentation("null", given.door), null);
  assert.deepEqual(readPresentation(JSON.stringify(presentation), given.door), presentation);
  const optional = ["app_name"];
  for (const name of Object.keys(presentation).filter((one) => !optional.includes(one))) {
    const { [name]: _, ...rest } = presentation;
    await refuses("request_broken", () => readPresentation(JSON.stringify(rest), given.door));
    await refuses("request_broken", () => readPresentation(JSON.stringify({ ...rest, [name]: "" }), given.door));
  }
  await refuses("request_broken", () => readPresentation("", given.door));
  const elsewhere = JSON.stringify({ ...presentation, present: "https://other.example/present" });
  await refuses("request_broken", () => readPresentation(elsewhere, given.door));
});
