/**
 * The Ed25519 key of one app's sector, and its signature under a presentation (RFC 8032, RFC 5869).
 *
 * `sk = HKDF-SHA-256(seed, salt "blindage/veil/sector/v1", info lp(door issuer, sector))`: the same app gets the same
 * key from the same seed, two apps get keys that nothing connects. The browser computes; there is no second library.
 */
import { b64urlDecode, concat, lp, sha256, utf8 } from "./bytes.mjs";
import { WalletError } from "./errors.mjs";

export const SEED_SIZE = 32;
const SECTOR_LABEL = "blindage/veil/sector/v1";
const PRESENT_LABEL = "blindage/veil/present/v1";
// PKCS #8 (RFC 8410, section 7): everything before the 32 bytes of an Ed25519 private key.
const PKCS8_HEAD = Uint8Array.of(
  0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20,
);

/** The pair for this door and sector: a key that signs, and the 32 bytes of its public half. */
export async function sectorKey(seed, door, sector) {
  if (seed.length !== SEED_SIZE) throw new WalletError("malformed", "seed is not 32 bytes");
  const source = await crypto.subtle.importKey("raw", seed, "HKDF", false, ["deriveBits"]);
  const how = { name: "HKDF", hash: "SHA-256", salt: utf8(SECTOR_LABEL), info: lp(door, sector) };
  const secret = new Uint8Array(await crypto.subtle.deriveBits(how, source, 8 * SEED_SIZE));
  const der = concat(PKCS8_HEAD, secret);
  // Only as a JWK does the browser tell the public half.
  const open = await ed25519(() => crypto.subtle.importKey("pkcs8", der, { name: "Ed25519" }, true, ["sign"]));
  const { x } = await crypto.subtle.exportKey("jwk", open);
  return { signer: open, publicKey: b64urlDecode(x) };
}

/** Sign that this key shows this token to this request: over `lp(label, door, sector, request, SHA-256(token))`. */
export async function signPresentation({ signer }, { door, sector, requestId, token }) {
  const message = lp(PRESENT_LABEL, door, sector, requestId, await sha256(token));
  return new Uint8Array(await crypto.subtle.sign("Ed25519", signer, message));
}

/** Refuse a browser that cannot do Ed25519, before anything is begun in it. */
export async function requireEd25519() {
  if (!globalThis.crypto?.subtle) throw new WalletError("browser_old", "no WebCrypto here");
  await ed25519(() => crypto.subtle.generateKey("Ed25519", false, ["sign", "verify"]));
}

async function ed25519(operation) {
  try {
    return await operation();
  } catch (error) {
    throw new WalletError("browser_old", `no Ed25519 here: ${error.name}`);
  }
}
