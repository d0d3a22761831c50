/**
 * Privacy Pass, token type 0x0002, as a client: challenges, requests, generic batches and tokens.
 *
 * RFC 9577, RFC 9578 section 6, draft-ietf-privacypass-batched-tokens-06 section 6. Every message is read to its
 * last byte or refused.
 */
import { blind, blindWith, finalize } from "./blind_rsa.mjs";
import { bigEndian, concat, lp, randomBytes } from "./bytes.mjs";
import { WalletError } from "./errors.mjs";

export const TOKEN_TYPE = 0x0002;
export const NONCE_SIZE = 32;
export const AUTHENTICATOR_SIZE = 256;
export const TOKEN_SIZE = 354;
export const BATCH_MAX = 100;
export const BATCH_REQUEST_MEDIA_TYPE = "application/private-token-generic-batch-request";
export const BATCH_RESPONSE_MEDIA_TYPE = "application/private-token-generic-batch-response";

const DEFAULT_PORTS = { "https:": "443", "http:": "80" };
const PRINTABLE = /^[\x20-\x7e]*$/;
const TYPE = bigEndian(TOKEN_TYPE, 2);

/** The server name of an address (RFC 9577, section 2.1.1.1): its host, with the port only if that is not 443. */
export function serverName(url) {
  const { protocol, hostname, port } = new URL(url);
  const number = port || DEFAULT_PORTS[protocol];
  if (!number) throw malformed("address has no port");
  return number === "443" ? hostname : `${hostname}:${number}`;
}

// struct {
//     uint16_t token_type;
//     opaque issuer_name<1..2^16-1>;
//     opaque redemption_context<0..32>;
//     opaque origin_info<0..2^16-1>;
// } TokenChallenge;
/** A TokenChallenge (RFC 9577, section 2.1.1) with the redemption context given, empty by default. */
export function tokenChallenge(issuerName, originInfo, redemptionContext = new Uint8Array(0)) {
  if (!issuerName || !PRINTABLE.test(issuerName) || !PRINTABLE.test(originInfo)) {
    throw malformed("a name in the challenge is empty or not ASCII");
  }
  if (![0, 32].includes(redemptionContext.length)) throw malformed("redemption_context has neither 0 nor 32 bytes");
  const context = concat(Uint8Array.of(redemptionContext.length), redemptionContext);
  return concat(TYPE, lp(issuerName), context, lp(originInfo));
}

// struct {
//     uint16_t token_type;
//     uint8_t nonce[32];
//     uint8_t challenge_digest[32];
//     uint8_t token_key_id[Nid];
// } AuthenticatorInput;
function authenticatorInput(nonce, challengeDigest, key) {
  return concat(TYPE, nonce, challengeDigest, key.keyId);
}

/** A request for one token (RFC 9578, section 6.1): its 259 bytes, and what to keep until the answer. */
export async function createTokenRequest(challengeDigest, key) {
  const nonce = randomBytes(NONCE_SIZE);
  return requestOf(key, nonce, await blind(key, authenticatorInput(nonce, challengeDigest, key)));
}

/** `createTokenRequest` with its randomness given: nonce (32), salt (48), factor (1 .. n - 1). */
export async function createTokenRequestWith(challengeDigest, key, nonce, salt, factor) {
  return requestOf(key, nonce, await blindWith(key, authenticatorInput(nonce, challengeDigest, key), salt, factor));
}

// struct {
//     uint16_t token_type = 0x0002; /* Type Blind RSA (2048-bit) */
//     uint8_t truncated_token_key_id;
//     uint8_t blinded_msg[Nk];
// } TokenRequest;
function requestOf(key, nonce, { blindedMessage, inverse }) {
  return { request: concat(TYPE, key.keyId.subarray(-1), blindedMessage), pending: { nonce, inverse } };
}

// struct {
//     uint16_t token_type = 0x0002; /* Type Blind RSA (2048-bit) */
//     uint8_t nonce[32];
//     uint8_t challenge_digest[32];
//     uint8_t token_key_id[32];
//     uint8_t authenticator[Nk];
// } Token;
/** The token of 354 bytes out of the issuer's answer, verified (RFC 9578, section 6.3). */
export async function finalizeToken(pending, challengeDigest, key, blindSignature) {
  const signed = authenticatorInput(pending.nonce, challengeDigest, key);
  return concat(signed, await finalize(key, signed, blindSignature, pending.inverse));
}

// struct {
//     GenericTokenRequest generic_token_requests<V>;
// } GenericBatchTokenRequest;
/** A batch of 1 .. 100 whole TokenRequests (draft section 6.1). */
export function encodeBatchRequest(requests) {
  checkCount(requests.length);
  const body = concat(...requests);
  return concat(encodeVarint(body.length), body);
}

// struct {
//     optional<GenericTokenResponse> generic_token_response;
// } OptionalTokenResponse;
// struct {
//     OptionalTokenResponse optional_token_responses<V>;
// } GenericBatchTokenResponse;
/** Blind signatures in the order of the requests, null where the issuer gave none (draft section 6.2). */
export function decodeBatchResponse(data) {
  const { start, length } = decodeVarint(data);
  if (start + length !== data.length) throw malformed("batch has another length than it says");
  const answers = [];
  let position = start;
  const take = (size) => {
    if (position + size > data.length) throw malformed("batch is cut off");
    position += size;
    return data.slice(position - size, position);
  };
  while (position < data.length) {
    checkCount(answers.length + 1);
    const [present] = take(1);
    if (present > 1) throw malformed("present is neither 0 nor 1");
    if (present === 0) {
      answers.push(null);
      continue;
    }
    const [high, low] = take(2);
    // Only this type was asked for, and an entry of another has a length this reader does not know.
    if (high * 256 + low !== TOKEN_TYPE) throw malformed("answer of another token type");
    answers.push(take(AUTHENTICATOR_SIZE));
  }
  checkCount(answers.length);
  return answers;
}

/** Requests for `count` tokens: the bytes for the issuer, and what to keep until the answer. */
export async function createBatchRequest(challengeDigest, key, count) {
  const created = [];
  for (let made = 0; made < count; made += 1) created.push(await createTokenRequest(challengeDigest, key));
  const requests = created.map(({ request }) => request);
  return { body: encodeBatchRequest(requests), pending: created.map(({ pending }) => pending) };
}

/**
 * The tokens out of a batch; absent answers give none.
 *
 * Refused as a whole when the number of answers is another or any does not finalize: an issuer that answers some
 * requests with another key than the one it shows is marking its clients, so none of the tokens is good.
 */
export async function finalizeBatch(pending, challengeDigest, key, answers) {
  if (answers.length !== pending.length) throw malformed("the issuer gave another number of answers");
  const tokens = [];
  for (const [at, answer] of answers.entries()) {
    if (answer !== null) tokens.push(await finalizeToken(pending[at], challengeDigest, key, answer));
  }
  return tokens;
}

/** A variable-length integer in its shortest form (RFC 9000, section 16), up to 2^30 - 1. */
function encodeVarint(number) {
  if (number < 0x40) return bigEndian(number, 1);
  if (number < 0x4000) return bigEndian(number + 0x4000, 2);
  return bigEndian(number + 0x80000000, 4);
}

function decodeVarint(data) {
  const size = [1, 2, 4][data[0] >> 6];
  if (size === undefined || data.length < size) throw malformed("length of the batch is missing or too long");
  let length = data[0] & 0x3f;
  for (let at = 1; at < size; at += 1) length = length * 256 + data[at];
  if (encodeVarint(length).length !== size) throw malformed("length of the batch is not in its shortest form");
  return { start: size, length };
}

function checkCount(count) {
  if (count < 1 || count > BATCH_MAX) throw malformed(`a batch has 1 to ${BATCH_MAX} entries`);
}

function malformed(message) {
  return new WalletError("malformed", message);
}
