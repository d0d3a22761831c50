/**
 * HTTP to the account issuer and the door: never a cookie across origins, never a Referer, never from a cache.
 *
 * An answer is `{status, ok, retryAfter, body}`, read to its end: one that breaks off is a lost answer. `web` is
 * `{fetch, wait}`, wait in milliseconds.
 */
import { fromUtf8 } from "./bytes.mjs";
import { WalletError } from "./errors.mjs";

const TRIES = 3;
const PAUSE = 1000;
const PAUSE_MAX = 10_000;
// A browser gives up far later than a person does.
const TIMEOUT = 30_000;
const ACROSS = { credentials: "omit", redirect: "error", referrerPolicy: "no-referrer", cache: "no-store" };

/** Ask the account issuer once; `issuer_unreachable` when no whole answer comes. */
export function askIssuer(web, url, init = {}) {
  return ask(web, url, { ...ACROSS, ...init }, "issuer_unreachable");
}

/** Ask the door once, with its cookie; `door_unreachable` when no whole answer comes. */
export function askDoor(web, url, init = {}) {
  return ask(web, url, { ...ACROSS, credentials: "same-origin", ...init }, "door_unreachable");
}

async function ask(web, url, init, unreachable) {
  try {
    const response = await web.fetch(url, { ...init, signal: AbortSignal.timeout(TIMEOUT) });
    const { status, ok, headers } = response;
    const body = new Uint8Array(await response.arrayBuffer());
    return { status, ok, retryAfter: Number(headers.get("Retry-After")), body };
  } catch (error) {
    throw new WalletError(unreachable, `${new URL(url).pathname}: ${error?.name}`);
  }
}

/**
 * Send a request that the other side answers the same way however often it comes; again after a lost answer or 503.
 *
 * `tryOnce` makes one try. Raises what the last try raised; a last 503 is returned.
 */
export async function askPatiently(web, tryOnce) {
  for (let left = TRIES - 1; ; left -= 1) {
    let pause = PAUSE;
    try {
      const answer = await tryOnce();
      if (answer.status !== 503 || left === 0) return answer;
      if (answer.retryAfter > 0) pause = Math.min(1000 * answer.retryAfter, PAUSE_MAX);
    } catch (error) {
      if (left === 0) throw error;
    }
    await web.wait(pause);
  }
}

/** The JSON of an answer, null when it is none. */
export function jsonOf({ body }) {
  try {
    return JSON.parse(fromUtf8(body));
  } catch {
    return null;
  }
}
