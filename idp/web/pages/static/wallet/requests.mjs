/** HTTP to the account issuer and the door: never a cookie across origins, never a Referer, never from a cache. */
import { WalletError } from "./errors.mjs";

const TRIES = 3;
const PAUSE = 1000;
const PAUSE_MAX = 10_000;
// A browser gives up far later than a person does.
const TIMEOUT = 30_000;

const ACROSS = { credentials: "omit", redirect: "error", referrerPolicy: "no-referrer", cache: "no-store" };

/** Ask the account issuer once; `issuer_unreachable` when no answer comes. */
export async function askIssuer(web, url, init = {}) {
  try {
    return await web.fetch(url, { ...ACROSS, ...init, signal: AbortSignal.timeout(TIMEOUT) });
  } catch (error) {
    throw new WalletError("issuer_unreachable", `${new URL(url).pathname}: ${error?.name}`);
  }
}

/**
 * Send a request that the other side answers the same way however often it comes; again after a lost answer or 503.
 *
 * `ask` makes one try. Raises what the last try raised; a last 503 is returned.
 */
export async function askPatiently(web, ask) {
  for (let left = TRIES - 1; ; left -= 1) {
    let pause = PAUSE;
    try {
      const response = await ask();
      if (response.status !== 503 || left === 0) return response;
      const wanted = 1000 * Number(response.headers.get("Retry-After"));
      if (wanted > 0) pause = Math.min(wanted, PAUSE_MAX);
    } catch (error) {
      if (left === 0) throw error;
    }
    await web.wait(pause);
  }
}

/** The JSON body of an answer, null when it has none. */
export async function jsonOf(response) {
  try {
    return await response.json();
  } catch {
    return null;
  }
}
