import assert from "node:assert/strict";
import { test } from "node:test";

import { blindWith, finalize, os2ip, publicKeyOf } from "../../idp/web/pages/static/wallet/blind_rsa.mjs";
import { sha256 } from "../../idp/web/pages/static/wallet/bytes.mjs";
import {
  createTokenRequestWith, decodeBatchResponse, encodeBatchRequest, finalizeBatch, finalizeToken,
} from "../../idp/web/pages/static/wallet/privacy_pass.mjs";
import { emsaPssEncode } from "../../idp/web/pages/static/wallet/pss.mjs";
import { readTokenKey } from "../../idp/web/pages/static/wallet/token_key.mjs";
import { hex, published, refuses, unhex } from "./material.mjs";

const SINGLE = [
  "pp-ts_pub_verif_rfc9578.go.json", "pp-ts_pub_verif_rfc9578.rust.json", "pp-rs_public_go.json",
  "pp-rs_public_rs.json", "privacypass_ts_type_0x0002.json",
];
const BATCH = [
  "pp-ts_generic_batched_tokens_v6_go.json", "pp-ts_generic_batched_tokens_v6_rs.json", "pp-rs_generic_go.json",
  "pp-rs_generic_rs.json", "privacypass_ts_generic_batch.json",
];
// Made by an implementation of an earlier revision: each request and response behind a length of two bytes.
const EARLIER_BATCH = "pp-rs_generic_ts.json";
const BLIND_RSA = "0002";

/** The inverse by Fermat's way for a product of two primes would need them: extended Euclid, as the textbook has it. */
function inverse(value, modulus) {
  let [r, s, x, y] = [modulus, value, 0n, 1n];
  while (s !== 0n) [r, s, x, y] = [s, r % s, y, x - (r / s) * y];
  return ((x % modulus) + modulus) % modulus;
}

test("RFC 9474, appendix A.3: RSABSSA-SHA384-PSS-Deterministic", async () => {
  const [vector, ...others] = published("rfc9474_blind_rsa.json").filter(
    ({ name }) => name === "RSABSSA-SHA384-PSS-Deterministic",
  );
  assert.equal(others.length, 0);
  const key = await publicKeyOf(unhex(vector.n));
  const prepared = unhex(vector.input_msg);
  const kept = os2ip(unhex(vector.inv));
  const blinded = await blindWith(key, prepared, unhex(vector.salt), inverse(kept, key.modulus));
  assert.equal(hex(blinded.blindedMessage), vector.blinded_msg);
  assert.equal(blinded.inverse, kept);
  const signature = await finalize(key, prepared, unhex(vector.blind_sig), blinded.inverse);
  assert.equal(hex(signature), vector.sig);
});

test("EMSA-PSS of the published example", async () => {
  const [vector] = published("emsa_pss_vectors.json");
  assert.equal(hex(await emsaPssEncode(unhex(vector.msg), 1023, unhex(vector.salt), "SHA-1")), vector.expected);
});

test("EMSA-PSS refuses a modulus too short", async () => {
  await refuses("malformed", () => emsaPssEncode(new Uint8Array(3), 8 * (48 + 48 + 2) - 8, new Uint8Array(48)));
});

async function requestOf(vector) {
  const key = await readTokenKey(unhex(vector.pkS ?? vector.pk_s));
  const digest = await sha256(unhex(vector.token_challenge));
  const factor = os2ip(unhex(vector.blind));
  const made = await createTokenRequestWith(digest, key, unhex(vector.nonce), unhex(vector.salt), factor);
  return { key, digest, ...made };
}

for (const name of SINGLE) {
  test(`type 0x0002 from challenge to token: ${name}`, async () => {
    const vectors = published(name);
    assert.equal(vectors.length, 5);
    for (const vector of vectors) {
      const { key, digest, request, pending } = await requestOf(vector);
      assert.equal(hex(request), vector.token_request);
      const token = await finalizeToken(pending, digest, key, unhex(vector.token_response));
      assert.equal(hex(token), vector.token);
    }
  });
}

function typeOf(issuance) {
  return issuance.type ?? issuance.token_type;
}

test("generic batches that hold nothing but type 0x0002, byte for byte", async () => {
  let whole = 0;
  for (const vector of BATCH.flatMap(published)) {
    if (vector.issuance.some((issuance) => typeOf(issuance) !== BLIND_RSA)) continue;
    const made = await Promise.all(vector.issuance.map(requestOf));
    assert.equal(hex(encodeBatchRequest(made.map(({ request }) => request))), vector.token_request);
    const answers = decodeBatchResponse(unhex(vector.token_response));
    assert.equal(answers.length, made.length);
    for (const [at, { key, digest, pending }] of made.entries()) {
      const [token] = await finalizeBatch([pending], digest, key, [answers[at]]);
      assert.equal(hex(token), vector.issuance[at].token);
      whole += 1;
    }
  }
  assert.ok(whole >= 2, `${whole} tokens`);
});

test("the type 0x0002 entries of mixed generic batches stand in the request as made here", async () => {
  let found = 0;
  for (const vector of BATCH.flatMap(published)) {
    for (const issuance of vector.issuance.filter((one) => typeOf(one) === BLIND_RSA)) {
      const { request } = await requestOf(issuance);
      assert.ok(vector.token_request.includes(hex(request)));
      found += 1;
    }
  }
  assert.ok(found >= 4, `${found} entries`);
});

test("answers of another token type, which was not asked for, are refused", async () => {
  const mixed = BATCH.flatMap(published).filter(({ issuance }) => issuance.some((one) => typeOf(one) !== BLIND_RSA));
  assert.ok(mixed.length >= 2);
  for (const { token_response: response } of mixed) {
    await refuses("malformed", () => decodeBatchResponse(unhex(response)));
  }
});

test("batches of the earlier revision are refused", async () => {
  for (const vector of published(EARLIER_BATCH)) {
    await refuses("malformed", () => decodeBatchResponse(unhex(vector.token_response)));
  }
});
