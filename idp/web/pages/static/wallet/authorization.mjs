/**
 * The wallet as a public OAuth client of the account issuer (RFC 6749, RFC 7636, RFC 9207).
 *
 * Scope `age_tokens` and no other, `response_mode=fragment`, one redirect URI for everyone. What the person was doing
 * (an app's request that waits) stays in this tab's sessionStorage; all that travels is a random `state`.
 */
import { b64urlEncode, randomBytes, sha256, utf8 } from "./bytes.mjs";
import { WalletError } from "./errors.mjs";
import { askIssuer, jsonOf } from "./requests.mjs";

export const SCOPE = "age_tokens";
const STATE = "blindage-wallet-authorization";
const SECRET_SIZE = 32;

/** Remember a fresh state and verifier in `session` (a Storage), and make the address to send the person to. */
export async function beginAuthorization(config, session) {
  const state = b64urlEncode(randomBytes(SECRET_SIZE));
  const verifier = b64urlEncode(randomBytes(SECRET_SIZE));
  remember(session, JSON.stringify({ state, verifier }));
  const url = new URL("/authorize", config.account_issuer);
  url.search = new URLSearchParams({
    response_type: "code",
    response_mode: "fragment",
    client_id: config.client_id,
    redirect_uri: config.redirect_uri,
    scope: SCOPE,
    state,
    code_challenge: b64urlEncode(await sha256(utf8(verifier))),
    code_challenge_method: "S256",
  });
  return url.href;
}

/** Whether the fragment of an address is an authorization response. */
export function isResponse(fragment) {
  const parameters = new URLSearchParams(fragment.replace(/^#/, ""));
  return parameters.has("state") && (parameters.has("code") || parameters.has("error"));
}

/** An access token for the code in `fragment`, which must answer what this tab asked. Works once per asking. */
export async function finishAuthorization(config, session, fragment, web) {
  const pending = recall(session);
  const parameters = new URLSearchParams(fragment.replace(/^#/, ""));
  // 1. our own state, 2. from our issuer, 3. no error
  if (pending === null || parameters.get("state") !== pending.state) {
    throw new WalletError("sign_in_stale", "the answer is not to what this tab asked");
  }
  if (parameters.get("iss") !== config.account_issuer) throw new WalletError("sign_in_failed", "iss is another issuer");
  const error = parameters.get("error");
  if (error === "access_denied") throw new WalletError("sign_in_declined", error);
  if (error !== null) throw new WalletError("sign_in_failed", `authorization error: ${error}`);
  const response = await askIssuer(web, new URL("/token", config.account_issuer), {
    method: "POST",
    body: new URLSearchParams({
      grant_type: "authorization_code",
      code: parameters.get("code"),
      redirect_uri: config.redirect_uri,
      client_id: config.client_id,
      code_verifier: pending.verifier,
    }),
  });
  const answer = jsonOf(response);
  if (!response.ok) throw new WalletError("sign_in_failed", `token endpoint: ${response.status} ${answer?.error}`);
  const isRight =
    typeof answer?.access_token === "string" &&
    String(answer.token_type).toLowerCase() === "bearer" &&
    // RFC 6749, section 5.1: left out when it is what was asked for.
    (answer.scope ?? SCOPE) === SCOPE;
  if (!isRight) throw new WalletError("sign_in_failed", "token endpoint: another kind of token");
  return answer.access_token;
}

function remember(session, text) {
  try {
    session.setItem(STATE, text);
  } catch (error) {
    throw new WalletError("storage_blocked", `sessionStorage: ${error?.name}`);
  }
}

function recall(session) {
  try {
    const pending = JSON.parse(session.getItem(STATE));
    session.removeItem(STATE);
    return typeof pending?.state === "string" && typeof pending?.verifier === "string" ? pending : null;
  } catch {
    return null;
  }
}
