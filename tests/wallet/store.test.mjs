import assert from "node:assert/strict";
import { test } from "node:test";

import { b64urlEncode, randomBytes } from "../../idp/web/pages/static/wallet/bytes.mjs";
import { openStore } from "../../idp/web/pages/static/wallet/store.mjs";
import { FakeIndexedDB } from "./fake_indexeddb.mjs";
import { refuses } from "./material.mjs";

const ADULT = { band: "adult", epoch: 7, keyId: "key-7", usableUntil: 2000 };
const NEXT = { band: "adult", epoch: 8, keyId: "key-8", usableUntil: 3000 };
const MINOR = { band: "minor", epoch: 7, keyId: "key-m", usableUntil: 2000 };

async function filled(count = 4, batch = ADULT) {
  const store = await openStore(new FakeIndexedDB());
  await store.keepBatch(tokens(count), batch, { at: 1 });
  return store;
}

function tokens(count) {
  return Array.from({ length: count }, () => randomBytes(354));
}

test("a batch is kept whole, and ends the pending one", async () => {
  const store = await openStore(new FakeIndexedDB());
  await store.keep("batch", { body: Uint8Array.of(1), inverse: 2n ** 2000n });
  assert.equal((await store.value("batch")).inverse, 2n ** 2000n);
  await store.keepBatch(tokens(32), ADULT, { at: 1, count: 32 });
  assert.deepEqual(await store.tokensLeft(100), { count: 32, band: "adult", until: 2000, hasReserved: false });
  assert.equal(await store.value("batch"), null);
  assert.deepEqual(await store.value("filled"), { at: 1, count: 32 });
});

test("every request gets a token of its own, the same request the same again", async () => {
  const store = await filled(4);
  const taken = await Promise.all(["a", "b", "a", "c", "a"].map((request) => store.takeToken(request, 100)));
  const nonces = taken.map(({ nonce }) => nonce);
  assert.equal(new Set(nonces).size, 3);
  assert.equal(nonces[0], nonces[2]);
  assert.equal(nonces[0], nonces[4]);
  assert.equal((await store.tokensLeft(100)).count, 1);
  assert.equal((await store.tokensLeft(100, "b")).hasReserved, true);
  assert.equal((await store.tokensLeft(100, "x")).hasReserved, false);
});

test("a token taken for one request never serves another, however long ago that was", async () => {
  const store = await filled(1);
  const taken = await store.takeToken("a", 100);
  assert.equal(await store.takeToken("b", 101), null);
  assert.equal((await store.takeToken("a", 102)).nonce, taken.nonce);
  assert.equal((await store.tokensLeft(100 + 3600)).count, 0);
  assert.equal(await store.takeToken("a", 100 + 3601), null);
});

test("a spent token is gone", async () => {
  const store = await filled(2);
  const taken = await store.takeToken("a", 100);
  await store.dropToken(taken.nonce);
  const second = await store.takeToken("a", 100);
  assert.notEqual(second.nonce, taken.nonce);
  await store.dropToken(second.nonce);
  assert.equal(await store.takeToken("a", 100), null);
});

test("the token whose life ends first is taken first, and dead ones never", async () => {
  const store = await openStore(new FakeIndexedDB());
  // The younger batch comes first, and stands first.
  await store.keepBatch([new Uint8Array(354)], NEXT, {});
  await store.keepBatch([new Uint8Array(354).fill(0xff)], ADULT, {});
  assert.equal((await store.takeToken("a", 1999)).epoch, 7);
  assert.equal((await store.takeToken("b", 1999)).epoch, 8);
  const other = await filled(3, ADULT);
  assert.equal(await other.takeToken("a", 2000), null);
  assert.deepEqual(await other.tokensLeft(2000), { count: 0, band: null, until: 0, hasReserved: false });
});

test("tokens of another band go when a batch comes", async () => {
  const store = await filled(3, MINOR);
  await store.keepBatch(tokens(2), ADULT, {});
  assert.deepEqual(await store.tokensLeft(100), { count: 2, band: "adult", until: 2000, hasReserved: false });
});

test("a discarded key takes its tokens and the pending batch along, for good", async () => {
  const store = await filled(3);
  await store.keepBatch(tokens(2), NEXT, {});
  await store.keep("batch", { keyId: "key-7" });
  await store.discardKey("key-7");
  assert.equal((await store.tokensLeft(100)).count, 2);
  assert.equal(await store.value("batch"), null);
  assert.equal(await store.isRefused("key-7"), true);
  assert.equal(await store.isRefused("key-8"), false);
});

test("after forgetting everything nothing is there", async () => {
  const store = await filled(3);
  await store.keepSeed({ kind: "stored", seed: randomBytes(32) });
  await store.keep("language", "en");
  await store.forgetEverything();
  assert.equal(await store.seed(), null);
  assert.equal(await store.value("language"), null);
  assert.equal(await store.value("filled"), null);
  assert.equal((await store.tokensLeft(100)).count, 0);
});

test("tokens are named by their nonce", async () => {
  const store = await openStore(new FakeIndexedDB());
  const [token] = tokens(1);
  await store.keepBatch([token], ADULT, {});
  const taken = await store.takeToken("a", 100);
  assert.equal(taken.nonce, b64urlEncode(token.subarray(2, 34)));
  assert.deepEqual(taken.token, token);
});

test("a browser that keeps nothing is told so", async () => {
  const factory = new FakeIndexedDB();
  factory.fail = true;
  await refuses("storage_blocked", () => openStore(factory));
  await refuses("storage_blocked", () => openStore());
  await refuses("storage_blocked", () => openStore({ open: () => { throw new DOMException("no", "SecurityError"); } }));
});
