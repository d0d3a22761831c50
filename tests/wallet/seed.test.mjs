import assert from "node:assert/strict";
import { test } from "node:test";

import { b64urlDecode, randomBytes, sha256 } from "../../idp/web/pages/static/wallet/bytes.mjs";
import { readRecoveryCode, recoveryGroups } from "../../idp/web/pages/static/wallet/recovery_code.mjs";
import { requireEd25519, sectorKey, signPresentation } from "../../idp/web/pages/static/wallet/sector_key.mjs";
import * as seeds from "../../idp/web/pages/static/wallet/seed.mjs";
import { openStore } from "../../idp/web/pages/static/wallet/store.mjs";
import { FakeIndexedDB } from "./fake_indexeddb.mjs";
import { given, hex, refuses, unhex } from "./material.mjs";

test("sector keys are HKDF-SHA-256 and Ed25519 as Python computes them", async () => {
  for (const { seed, door, sector, pk } of given.sectors) {
    const pair = await sectorKey(unhex(seed), door, sector);
    assert.equal(hex(pair.publicKey), pk);
  }
  assert.equal(new Set(given.sectors.map(({ pk }) => pk)).size, given.sectors.length);
});

test("a presentation signature is the one PyNaCl makes", async () => {
  for (const { seed, door, sector, request_id: requestId, token, sig } of given.signatures) {
    const pair = await sectorKey(unhex(seed), door, sector);
    assert.equal(hex(await signPresentation(pair, { door, sector, requestId, token: unhex(token) })), sig);
  }
});

test("a seed of another length makes no key", async () => {
  await refuses("malformed", () => sectorKey(new Uint8Array(31), "https://door.example", "app.example"));
});

test("a browser without Ed25519 is told so", async (t) => {
  await requireEd25519();
  t.mock.method(crypto.subtle, "generateKey", async () => {
    throw new DOMException("unknown algorithm", "NotSupportedError");
  });
  await refuses("browser_old", requireEd25519);
});

test("a recovery code gives its seed back, however it was written down", async () => {
  for (let round = 0; round < 30; round += 1) {
    const seed = randomBytes(32);
    const groups = await recoveryGroups(seed);
    assert.equal(groups.length, 14);
    assert.ok(groups.every((group) => /^[0-9A-HJKMNP-TV-Z]{4}$/.test(group)));
    const written = [
      groups.join(" "), groups.join("-").toLowerCase(), groups.join(""),
      ` ${groups.join("\n")}\t`, groups.join(" – "),
      groups.join(" ").replaceAll("0", "O").replaceAll("1", "l"), groups.join("").replaceAll("1", "i"),
      Array.from(groups.join(""), (letter) => String.fromCharCode(letter.charCodeAt(0) + 0xfee0)).join(""),
    ];
    for (const text of written) assert.equal(hex(await readRecoveryCode(text)), hex(seed));
  }
});

test("a recovery code with one wrong, missing or swapped letter is refused", async () => {
  const code = (await recoveryGroups(new Uint8Array(32).fill(7))).join("");
  for (let at = 0; at < code.length; at += 1) {
    const other = code[at] === "7" ? "8" : "7";
    await refuses("code_wrong", () => readRecoveryCode(code.slice(0, at) + other + code.slice(at + 1)));
    await refuses("code_wrong", () => readRecoveryCode(code.slice(0, at) + code.slice(at + 1)));
    const swapped = code.slice(0, at) + code.slice(at, at + 2).split("").reverse().join("") + code.slice(at + 2);
    if (swapped !== code) await refuses("code_wrong", () => readRecoveryCode(swapped));
  }
  for (const text of ["", "U".repeat(56), `${code}0`, code.replace(/./, "é")]) {
    await refuses("code_wrong", () => readRecoveryCode(text));
  }
});

test("a drafted seed is kept only after its code was confirmed", async () => {
  const store = await openStore(new FakeIndexedDB());
  const draft = await seeds.draftSeed();
  assert.equal(await store.seed(), null);
  assert.equal(draft.asked.length, 2);
  assert.ok(draft.asked[0] < draft.asked[1] && draft.asked[1] < 14);
  await refuses("groups_wrong", () => seeds.confirmSeed(store, draft, ["0000", draft.groups[draft.asked[1]]]));
  await refuses("groups_wrong", () => seeds.confirmSeed(store, draft, []));
  assert.equal(await store.seed(), null);
  await seeds.confirmSeed(store, draft, draft.asked.map((group) => ` ${draft.groups[group].toLowerCase()} `));
  assert.equal(hex(await seeds.openSeed(store)), hex(draft.seed));
  assert.deepEqual(await seeds.storedCode(store), draft.groups);
});

test("a recovery code restores the same sector keys in another browser", async () => {
  const [first, second] = [await openStore(new FakeIndexedDB()), await openStore(new FakeIndexedDB())];
  const draft = await seeds.draftSeed();
  await seeds.confirmSeed(first, draft, draft.asked.map((group) => draft.groups[group]));
  await seeds.restoreSeed(second, draft.groups.join(" "));
  const keys = await Promise.all([first, second].map(async (store) =>
    hex((await sectorKey(await seeds.openSeed(store), "https://door.example", "app.example")).publicKey)));
  assert.equal(keys[0], keys[1]);
});

/** A passkey as the browser shows it; `seed` null is one without the extension. */
function passkeys(seed, { answersAtOnce = false } = {}) {
  const prf = async (first) => ({ results: { first: (await sha256(Uint8Array.of(...seed, ...first))).buffer } });
  const asked = [];
  const credential = (results) => ({ rawId: Uint8Array.of(1, 2, 3).buffer, getClientExtensionResults: () => results });
  return {
    asked,
    async create({ publicKey }) {
      asked.push(["create", publicKey]);
      if (seed === null) return credential({});
      const { first } = publicKey.extensions.prf.eval;
      return credential({ prf: { enabled: true, ...(answersAtOnce ? await prf(first) : {}) } });
    },
    async get({ publicKey }) {
      asked.push(["get", publicKey]);
      return credential(seed === null ? {} : { prf: await prf(publicKey.extensions.prf.eval.first) });
    },
  };
}

test("a passkey's seed is the same at each use and is kept nowhere", async () => {
  for (const answersAtOnce of [false, true]) {
    const store = await openStore(new FakeIndexedDB());
    const keys = passkeys(randomBytes(32), { answersAtOnce });
    await seeds.adoptNewPasskey(store, keys);
    assert.deepEqual(await store.seed(), { kind: "passkey", credentialId: "AQID" });
    const seed = await seeds.openSeed(store, keys);
    assert.equal(hex(await seeds.openSeed(store, keys)), hex(seed));
    const [, { allowCredentials, userVerification }] = keys.asked.at(-1);
    assert.deepEqual(allowCredentials.map(({ id }) => hex(id)), ["010203"]);
    assert.equal(userVerification, "required");

    const later = await openStore(new FakeIndexedDB());
    await seeds.adoptOldPasskey(later, keys);
    assert.deepEqual(keys.asked.at(-1)[1].allowCredentials, []);
    assert.equal(hex(await seeds.openSeed(later, keys)), hex(seed));
    await refuses("no_seed", () => seeds.storedCode(later));
  }
});

test("a passkey that can make no seed, or is not used, leaves the wallet as it was", async () => {
  const store = await openStore(new FakeIndexedDB());
  await refuses("no_passkey_seed", () => seeds.adoptNewPasskey(store, passkeys(null)));
  await refuses("no_passkey_seed", () => seeds.adoptOldPasskey(store, passkeys(null)));
  const declining = { create: async () => { throw new DOMException("no", "NotAllowedError"); } };
  await refuses("passkey_refused", () => seeds.adoptNewPasskey(store, declining));
  assert.equal(await store.seed(), null);
  await refuses("no_seed", () => seeds.openSeed(store));
});

test("no two drafts are alike, and every group is asked for now and then", async () => {
  const drafts = await Promise.all(Array.from({ length: 200 }, () => seeds.draftSeed()));
  assert.equal(new Set(drafts.map(({ seed }) => hex(seed))).size, 200);
  assert.equal(new Set(drafts.flatMap(({ asked }) => asked)).size, 14);
});

test("base64url of a public key is what the door reads", () => {
  for (const { pk, pk_b64url: text } of given.sectors) assert.equal(hex(b64urlDecode(text)), pk);
});
