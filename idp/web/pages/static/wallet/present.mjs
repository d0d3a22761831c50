/**
 * Show one token to the door for one app's request.
 *
 * The door's page holds the request as JSON in `<script type="application/json" id="presentation">`; on the wallet's
 * own page that element holds `null`.
 */
import { b64urlEncode } from "./bytes.mjs";
import { WalletError } from "./errors.mjs";
import { askDoor, askPatiently, jsonOf } from "./requests.mjs";
import { sectorKey, signPresentation } from "./sector_key.mjs";

const WAITING = "blindage-wallet-presentation";
const TEXTS = ["door", "request_id", "sector", "app_domain", "csrf", "request", "present"];
const SCRIPT_SCHEMES = ["javascript:", "data:", "blob:", "vbscript:", "about:", "file:", "filesystem:"];

/** The request in the door's page, or null; refused when it is not whole, or of another door. */
export function readPresentation(text, door) {
  let presentation;
  try {
    presentation = JSON.parse(text);
  } catch {
    throw new WalletError("request_broken", "the request is not JSON");
  }
  if (presentation === null) return null;
  const isRight =
    TEXTS.every((name) => typeof presentation[name] === "string" && presentation[name] !== "") &&
    presentation.door === door &&
    Number.isSafeInteger(presentation.expires_at) &&
    new URL(presentation.present, `${door}/`).origin === new URL(door).origin;
  if (!isRight) throw new WalletError("request_broken", "the request lacks something or is of another door");
  return presentation;
}

/** Keep a request in this tab while the person fetches tokens. */
export function keepWaiting(session, presentation) {
  try {
    session.setItem(WAITING, JSON.stringify(presentation));
  } catch (error) {
    throw new WalletError("storage_blocked", `sessionStorage: ${error?.name}`);
  }
}

/** The request that waits in this tab, or null; one that expired is forgotten. */
export function waitingPresentation(session, door, now) {
  try {
    const presentation = readPresentation(session.getItem(WAITING) ?? "null", door);
    if (presentation !== null && presentation.expires_at > now) return presentation;
  } catch {
    // Not what `keepWaiting` wrote: nothing waits.
  }
  dropWaiting(session);
  return null;
}

export function dropWaiting(session) {
  try {
    session.removeItem(WAITING);
  } catch {
    // Without session storage nothing was kept there.
  }
}

/**
 * Present a token of the store and follow the door's answer: `{location}` or `{form_post: {action, fields}}`.
 *
 * The same request always shows the same token, and a lost answer is asked for again: the door gives the same code.
 */
export async function presentToken({ presentation, store, seed, web, now }) {
  if (presentation.expires_at <= now) throw new WalletError("request_expired", "the request is too old");
  const taken = await store.takeToken(presentation.request_id, now);
  if (taken === null) throw new WalletError("no_token", "there is no token left");
  const { door, sector, request_id: requestId } = presentation;
  const pair = await sectorKey(seed, door, sector);
  const signature = await signPresentation(pair, { door, sector, requestId, token: taken.token });
  const fields = {
    decision: "allow",
    token: b64urlEncode(taken.token),
    pk: b64urlEncode(pair.publicKey),
    sig: b64urlEncode(signature),
  };
  try {
    const answer = await postToDoor(presentation, fields, web);
    await store.dropToken(taken.nonce);
    return answer;
  } catch (error) {
    // Spent or of a dead key: it will never be good again.
    if (error.code === "token_refused") await store.dropToken(taken.nonce);
    throw error;
  }
}

/** Tell the door that the person does not want to: the app hears what it hears of everyone who declines. */
export function declinePresentation({ presentation, web }) {
  return postToDoor(presentation, { decision: "deny" }, web);
}

async function postToDoor(presentation, fields, web) {
  const { csrf, request } = presentation;
  const url = new URL(presentation.present, `${presentation.door}/`);
  const body = new URLSearchParams({ csrf, request, ...fields });
  const response = await askPatiently(web, () => askDoor(web, url, { method: "POST", body }));
  const answer = jsonOf(response);
  if (response.ok) return checkedAnswer(answer);
  if (response.status === 503) throw new WalletError("door_unreachable", "the door is busy");
  const codes = {
    invalid_token: "token_refused",
    request_expired: "request_expired",
    curfew: "curfew",
    guardian_needed: "guardian_needed",
    slow_down: "door_unreachable",
  };
  throw new WalletError(codes[answer?.error] ?? "door_refused", `${response.status} ${answer?.error}`);
}

function checkedAnswer(answer) {
  const target = answer?.location ?? answer?.form_post?.action;
  const isRight =
    typeof target === "string" && URL.canParse(target) && !SCRIPT_SCHEMES.includes(new URL(target).protocol);
  if (!isRight) throw new WalletError("door_refused", "the answer leads nowhere");
  if (answer.location !== undefined) return { location: target };
  const fields = Object.entries(answer.form_post.fields ?? {});
  if (fields.some(([, value]) => typeof value !== "string")) {
    throw new WalletError("door_refused", "fields are no texts");
  }
  return { form_post: { action: target, fields: Object.fromEntries(fields) } };
}
