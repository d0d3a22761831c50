/** The wallet's modules at an account issuer that serves one person another key; `/hostile/MODE` sets how it does so. */
import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";

import { fetchConfig } from "../../idp/web/pages/static/wallet/config.mjs";
import { fetchTokens } from "../../idp/web/pages/static/wallet/fill.mjs";
import { openStore } from "../../idp/web/pages/static/wallet/store.mjs";
import { FakeIndexedDB } from "./fake_indexeddb.mjs";
import { given, refuses } from "./material.mjs";

const { accessToken, account, batch, door, now } = given;
const web = { fetch, wait: async () => {} };
let store;
let config;
let head;

async function turn(mode) {
  const response = await fetch(`${account}/hostile/${mode}`);
  assert.equal(response.status, 200);
  return response.json();
}

async function fill() {
  return fetchTokens({ config, accessToken, store, web, now });
}

beforeEach(async () => {
  await turn("honest");
  store = await openStore(new FakeIndexedDB());
  config = await fetchConfig(`${door}/wallet`, web);
  assert.equal(config.minimum_witness_hours, 24);
  assert.equal(config.witnesses.length, 1);
});

test("an honest issuer fills the wallet", async () => {
  assert.equal(await fill(), batch);
  assert.equal((await store.tokensLeft(now)).count, batch);
  head = await store.value("head");
});

for (const [mode, knows, code, asked] of [
  ["own_key", false, "key_not_logged", false],
  ["own_log", false, "key_not_witnessed", false],
  ["own_log", true, "log_refused", false],
  ["own_signature", false, "batch_failed", true],
]) {
  test(`${mode}: ${code}, and no token is kept${knows ? " by a wallet that knows the log" : ""}`, async () => {
    if (knows) await store.keep("head", head);
    await turn(mode);
    await refuses(code, fill);
    assert.equal((await store.tokensLeft(now)).count, 0);
    // Refused before anything was blinded for the key, where that can be seen before.
    const { token_requests: requests } = await turn("honest");
    assert.equal(requests > 0, asked);
  });
}
