import assert from "node:assert/strict";
import { test } from "node:test";

import { blind, finalize, os2ip } from "../../idp/web/pages/static/wallet/blind_rsa.mjs";
import { b64urlDecode, bigEndian, sha256 } from "../../idp/web/pages/static/wallet/bytes.mjs";
import {
  BATCH_REQUEST_MEDIA_TYPE, BATCH_RESPONSE_MEDIA_TYPE, createTokenRequest, createTokenRequestWith, decodeBatchResponse,
  encodeBatchRequest, finalizeBatch, serverName, tokenChallenge,
} from "../../idp/web/pages/static/wallet/privacy_pass.mjs";
import { readTokenKey } from "../../idp/web/pages/static/wallet/token_key.mjs";
import { given, hex, refuses, unhex } from "./material.mjs";

const key = await readTokenKey(b64urlDecode(given.key));
const digest = unhex(given.challenge_digest);

async function made() {
  const pending = [];
  const requests = [];
  for (const { nonce, salt, factor } of given.entries) {
    const one = await createTokenRequestWith(digest, key, unhex(nonce), unhex(salt), os2ip(unhex(factor)));
    pending.push(one.pending);
    requests.push(one.request);
  }
  return { pending, body: encodeBatchRequest(requests) };
}

test("the challenge of this door is the one of crypto.privacy_pass_challenge", async () => {
  const challenge = tokenChallenge(serverName(given.issuer), serverName(given.door));
  assert.equal(hex(challenge), given.challenge);
  assert.equal(hex(await sha256(challenge)), given.challenge_digest);
  for (const { issuer_name: issuer, origin_info: origin, redemption_context: context, bytes } of given.challenges) {
    assert.equal(hex(tokenChallenge(issuer, origin, unhex(context))), bytes);
  }
});

test("server names are those of crypto.privacy_pass_challenge", () => {
  for (const { url, name } of given.server_names) assert.equal(serverName(url), name);
});

test("a challenge without an issuer, with other letters or a short context is refused", async () => {
  await refuses("malformed", () => tokenChallenge("", "door.example"));
  await refuses("malformed", () => tokenChallenge("issüer.example", "door.example"));
  await refuses("malformed", () => tokenChallenge("issuer.example", "door\u0000.example"));
  await refuses("malformed", () => tokenChallenge("issuer.example", "door.example", new Uint8Array(31)));
});

test("media types are those of crypto.privacy_pass_batch", () => {
  assert.deepEqual([BATCH_REQUEST_MEDIA_TYPE, BATCH_RESPONSE_MEDIA_TYPE], given.media_types);
});

test("the same randomness makes the same batch and the same tokens as crypto.privacy_pass_client", async () => {
  const { pending, body } = await made();
  assert.equal(hex(body), given.request);
  const tokens = await finalizeBatch(pending, digest, key, decodeBatchResponse(unhex(given.response)));
  assert.deepEqual(tokens.map(hex), given.tokens);
});

test("absent answers give no token and spoil none", async () => {
  const { pending } = await made();
  const answers = decodeBatchResponse(unhex(given.response_with_gaps));
  assert.ok(answers.includes(null));
  const tokens = await finalizeBatch(pending, digest, key, answers);
  assert.deepEqual(tokens.map(hex), given.tokens.filter((_, at) => answers[at] !== null));
});

test("one answer by another key spoils the whole batch", async () => {
  const { pending } = await made();
  await refuses("blind_rsa", () => finalizeBatch(pending, digest, key, decodeBatchResponse(unhex(given.marked))));
});

test("another number of answers spoils the whole batch", async () => {
  const { pending } = await made();
  const answers = decodeBatchResponse(unhex(given.response));
  await refuses("malformed", () => finalizeBatch(pending, digest, key, answers.slice(1)));
  await refuses("malformed", () => finalizeBatch(pending.slice(1), digest, key, answers));
});

test("answers in another order do not finalize", async () => {
  const { pending } = await made();
  const answers = decodeBatchResponse(unhex(given.response)).reverse();
  await refuses("blind_rsa", () => finalizeBatch(pending, digest, key, answers));
});

test("a batch answer is read to its last byte or refused", async () => {
  const whole = unhex(given.response);
  for (let length = 0; length < whole.length; length += 97) {
    await refuses("malformed", () => decodeBatchResponse(whole.slice(0, length)));
  }
  await refuses("malformed", () => decodeBatchResponse(Uint8Array.of(...whole, 0)));
  for (const bad of ["00", "0102", "0301ffff", "c0000000", "4001", "400100", "80000001", "8000000100", "010000", ""]) {
    await refuses("malformed", () => decodeBatchResponse(unhex(bad)));
  }
  assert.deepEqual(decodeBatchResponse(unhex("0100")), [null]);
  await refuses("malformed", () => decodeBatchResponse(Uint8Array.of(0x40, 101, ...new Uint8Array(101))));
  assert.equal(decodeBatchResponse(Uint8Array.of(0x40, 100, ...new Uint8Array(100))).length, 100);
});

test("a batch has 1 to 100 requests", async () => {
  await refuses("malformed", () => encodeBatchRequest([]));
  await refuses("malformed", () => encodeBatchRequest(Array.from({ length: 101 }, () => new Uint8Array(259))));
  assert.equal(encodeBatchRequest(Array.from({ length: 100 }, () => new Uint8Array(259))).length, 4 + 25900);
});

test("blind signatures of another size, out of range or changed are refused", async () => {
  const { pending } = await made();
  const [answer] = decodeBatchResponse(unhex(given.response));
  const bad = [answer.slice(1), Uint8Array.of(...answer, 0), new Uint8Array(256).fill(0xff), new Uint8Array(256)];
  for (let at = 0; at < 256; at += 51) bad.push(answer.with(at, answer[at] ^ 1));
  for (const one of bad) await refuses("blind_rsa", () => finalizeBatch([pending[0]], digest, key, [one]));
});

test("a blind signature has one spelling: the same number plus the modulus is refused", async () => {
  const { pending } = await made();
  const [answer] = decodeBatchResponse(unhex(given.response));
  const [token] = await finalizeBatch([pending[0]], digest, key, [answer]);
  const [signed, signature] = [token.slice(0, 98), os2ip(token.slice(98))];
  // With the signature itself as the inverse, the blind signature is 1, and modulus + 1 the same to arithmetic.
  await finalize(key, signed, bigEndian(1n, 256), signature);
  await refuses("blind_rsa", () => finalize(key, signed, bigEndian(key.modulus + 1n, 256), signature));
});

test("an entry of a batch answer is present or absent, and of the type asked for", async () => {
  const entry = (present, type) => Uint8Array.of(0x41, 0x03, present, 0, type, ...new Uint8Array(256));
  assert.deepEqual(decodeBatchResponse(entry(1, 2)), [new Uint8Array(256)]);
  await refuses("malformed", () => decodeBatchResponse(entry(2, 2)));
  await refuses("malformed", () => decodeBatchResponse(entry(1, 5)));
});

test("fresh requests never repeat a nonce, a blinded message or an inverse", async () => {
  const requests = await Promise.all(Array.from({ length: 20 }, () => createTokenRequest(digest, key)));
  assert.equal(new Set(requests.map(({ request }) => hex(request))).size, 20);
  assert.equal(new Set(requests.map(({ pending }) => hex(pending.nonce))).size, 20);
  assert.equal(new Set(requests.map(({ pending }) => pending.inverse)).size, 20);
  for (const { request } of requests) assert.equal(request.length, 259);
});

test("the blinded message of one and the same message is another each time", async () => {
  const message = new Uint8Array(98);
  const first = await blind(key, message);
  const second = await blind(key, message);
  assert.notEqual(hex(first.blindedMessage), hex(second.blindedMessage));
  await refuses("blind_rsa", () => finalize(key, message, first.blindedMessage, first.inverse));
});

test("only the one encoding of an RSA-2048 key with e = 65537 is a token key", async () => {
  const spki = b64urlDecode(given.key);
  assert.equal(spki.length, 342);
  assert.equal(hex(key.keyId), given.key_id);
  // Every byte that is not of the modulus is fixed; the modulus keeps its length and stays odd.
  for (let at = 0; at < 342; at += 1) {
    const isModulus = at >= 81 && at < 337;
    if (!isModulus) await refuses("key_form", () => readTokenKey(spki.with(at, spki[at] ^ 0x10)));
  }
  await refuses("key_form", () => readTokenKey(spki.with(81, spki[81] & 0x7f)));
  await refuses("key_form", () => readTokenKey(spki.with(336, spki[336] ^ 1)));
  for (const other of given.other_spkis) await refuses("key_form", () => readTokenKey(b64urlDecode(other)));
  await refuses("key_form", () => readTokenKey(spki.slice(1)));
  await refuses("key_form", () => readTokenKey(Uint8Array.of(...spki, 0)));
});
