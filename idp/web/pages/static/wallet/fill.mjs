/**
 * Fetch one batch of tokens: ask which key applies, check that key against the log, send blinded messages, finalize.
 *
 * `web` is what requests.mjs takes, `now` is in seconds.
 */
import { b64urlEncode, equal, sha256 } from "./bytes.mjs";
import { WalletError } from "./errors.mjs";
import { admitKey, verifyLog } from "./key_log.mjs";
import {
  BATCH_REQUEST_MEDIA_TYPE, BATCH_RESPONSE_MEDIA_TYPE, createBatchRequest, decodeBatchResponse, finalizeBatch,
  serverName, tokenChallenge,
} from "./privacy_pass.mjs";
import { askIssuer, askPatiently, jsonOf } from "./requests.mjs";

/** Fill the store; returns how many tokens came. Raises WalletError with the reason when none did. */
export async function fetchTokens({ config, accessToken, store, web, now }) {
  const shown = await currentKey(config, accessToken, web);
  const { key, leaf } = await checkedKey(config, shown, store, web, now);
  const challengeDigest = await sha256(tokenChallenge(serverName(config.account_issuer), serverName(config.door)));
  const batch = await pendingBatch(store, key, challengeDigest, config.batch);
  const answer = await sendBatch(config, accessToken, batch.body, store, web);
  let tokens;
  try {
    const answers = decodeBatchResponse(answer);
    tokens = await finalizeBatch(batch.pending, challengeDigest, key, answers);
  } catch (error) {
    // An answer by another key than the one in the log would mark this person's tokens: nothing of it is kept.
    await store.discardKey(leaf.key_id);
    throw new WalletError("batch_failed", error.message);
  }
  if (tokens.length === 0) throw new WalletError("none_issued", "every answer of the batch is absent");
  const { band, epoch, key_id: keyId, not_before: begins, not_after: ends } = leaf;
  // Tokens of an epoch are accepted in that epoch and the next.
  const usableUntil = ends + (ends - begins);
  const filled = { band, epoch, keyId, count: tokens.length, at: now, epochEnds: ends };
  await store.keepBatch(tokens, { band, epoch, keyId, usableUntil }, filled);
  return tokens.length;
}

/** Which key applies to this account: told to the bearer of the token, never in an address. */
async function currentKey(config, accessToken, web) {
  const url = new URL("/token-keys/current", config.account_issuer);
  const response = await askPatiently(web, () => askIssuer(web, url, { headers: bearer(accessToken) }));
  if (!response.ok) throw refusalOf(response, "/token-keys/current");
  const shown = jsonOf(response);
  if (shown === null || typeof shown !== "object") throw new WalletError("issuer_unreachable", "no key was shown");
  return shown;
}

async function checkedKey(config, shown, store, web, now) {
  const response = await askPatiently(web, () => askIssuer(web, new URL("/token-keys/log", config.account_issuer)));
  if (!response.ok) throw new WalletError("issuer_unreachable", `/token-keys/log: ${response.status}`);
  try {
    const log = await verifyLog(jsonOf(response), config, await store.value("head"));
    const admitted = await admitKey(log, shown, now, config.minimum_witness_hours);
    if (await store.isRefused(admitted.leaf.key_id)) throw new WalletError("key_discarded", "this key failed before");
    await store.keep("head", log.head);
    return admitted;
  } catch (error) {
    // To the person a garbled log and a false one are the same: it proves nothing.
    if (error.code === "malformed") throw new WalletError("log_refused", error.message);
    throw error;
  }
}

/**
 * The batch to send. One that was sent with this key and never answered is sent again byte for byte: the issuer
 * answers it without charging a second time.
 */
async function pendingBatch(store, key, challengeDigest, count) {
  const keyId = b64urlEncode(key.keyId);
  const earlier = await store.value("batch");
  if (earlier?.keyId === keyId && equal(earlier.challengeDigest, challengeDigest)) return earlier;
  const batch = { keyId, challengeDigest, ...(await createBatchRequest(challengeDigest, key, count)) };
  await store.keep("batch", batch);
  return batch;
}

async function sendBatch(config, accessToken, body, store, web) {
  const url = new URL("/token-request", config.account_issuer);
  const headers = {
    ...bearer(accessToken),
    "Content-Type": BATCH_REQUEST_MEDIA_TYPE,
    Accept: BATCH_RESPONSE_MEDIA_TYPE,
  };
  const response = await askPatiently(web, () => askIssuer(web, url, { method: "POST", headers, body }));
  if (response.ok) return response.body;
  // 400 and 422 will be said again to the same bytes; the other refusals may pass.
  if ([400, 422].includes(response.status)) await store.drop("batch");
  throw refusalOf(response, "/token-request");
}

function refusalOf({ status }, path) {
  const code = { 401: "sign_in_failed", 403: "not_entitled", 429: "quota_used", 503: "issuer_busy" }[status];
  return new WalletError(code ?? "issuer_refused", `${path}: ${status}`);
}

function bearer(accessToken) {
  return { Authorization: `Bearer ${accessToken}` };
}
