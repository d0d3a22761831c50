/** The door's public configuration, `wallet/config.json`: the same bytes for everyone. */
import { WalletError } from "./errors.mjs";
import { BATCH_MAX } from "./privacy_pass.mjs";
import { askDoor, jsonOf } from "./requests.mjs";

const MINIMUM_WITNESS_HOURS = 24;
const LOOPBACK = /^(?:localhost|[a-z0-9-]+\.localhost|127\.0\.0\.1|\[::1\])$/;

/** Fetch and check it; `base` is the address of the page. */
export async function fetchConfig(base, web) {
  // Without the cookie: nobody is to get a configuration of their own.
  const response = await askDoor(web, new URL("wallet/config.json", base), { credentials: "omit" });
  if (!response.ok) throw new WalletError("door_unreachable", `config.json: ${response.status}`);
  return checkConfig(jsonOf(response), new URL(base).origin);
}

/**
 * `{door, account_issuer, log: {origin, verifier_key}, witnesses, minimum_witness_hours, client_id, redirect_uri,
 * batch, demo}`, refused when it would let a key pass that nobody witnessed, or sends the person elsewhere.
 *
 * Without witnesses, or with fewer hours than a day, only a door that calls itself a demo is believed.
 */
export function checkConfig(config, origin) {
  const {
    door, account_issuer: accountIssuer, log, witnesses, minimum_witness_hours: hours, client_id: clientId,
    redirect_uri: redirectUri, batch, demo,
  } = config ?? {};
  const isRight =
    isIssuer(door) &&
    new URL(door).origin === origin &&
    isIssuer(accountIssuer) &&
    new URL(accountIssuer).pathname === "/" &&
    new URL(accountIssuer).origin !== origin &&
    typeof log?.origin === "string" &&
    typeof log?.verifier_key === "string" &&
    Array.isArray(witnesses) &&
    witnesses.every((witness) => typeof witness === "string") &&
    new Set(witnesses).size === witnesses.length &&
    Number.isSafeInteger(hours) &&
    hours >= 0 &&
    typeof clientId === "string" &&
    redirectUri === `${door}/wallet` &&
    Number.isSafeInteger(batch) &&
    batch >= 1 &&
    batch <= BATCH_MAX &&
    typeof demo === "boolean" &&
    (demo || (witnesses.length > 0 && hours >= MINIMUM_WITNESS_HOURS)) &&
    // Hours without anyone to witness them could never be met.
    (hours === 0 || witnesses.length > 0);
  if (!isRight) throw new WalletError("config_refused", "config.json is not as it should be");
  return config;
}

/** https, or plain http on this machine; without credentials, query, fragment or a slash at the end. */
function isIssuer(text) {
  if (typeof text !== "string" || !URL.canParse(text)) return false;
  const url = new URL(text);
  const isSafe = url.protocol === "https:" || (url.protocol === "http:" && LOOPBACK.test(url.hostname));
  return isSafe && text === url.origin + (url.pathname === "/" ? "" : url.pathname) && !text.endsWith("/");
}
