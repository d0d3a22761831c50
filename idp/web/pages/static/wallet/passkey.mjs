/**
 * A seed out of a passkey (WebAuthn Level 3, extension `prf`): it is computed anew by the passkey at each use and
 * lies in no browser storage. The door never sees the passkey: nothing of it is sent.
 */
import { b64urlDecode, b64urlEncode, randomBytes, utf8 } from "./bytes.mjs";
import { WalletError } from "./errors.mjs";
import { SEED_SIZE } from "./sector_key.mjs";

const INPUT = "blindage/veil/seed/v1";
const ALGORITHMS = [-8, -7, -257];
const TIMEOUT = 120_000;

/** Whether this browser may be asked for a passkey at all; whether that can make a seed is seen when it is made. */
export function hasPasskeys() {
  return typeof globalThis.PublicKeyCredential === "function" && Boolean(globalThis.navigator?.credentials);
}

/** Make a passkey for this wallet and read the seed from it: `{credentialId, seed}`. */
export async function createPasskey(credentials = navigator.credentials) {
  const credential = await asked(() =>
    credentials.create({
      publicKey: {
        rp: { name: "Blindage" },
        user: { id: randomBytes(32), name: "Blindage", displayName: "Blindage" },
        challenge: randomBytes(32),
        pubKeyCredParams: ALGORITHMS.map((alg) => ({ type: "public-key", alg })),
        authenticatorSelection: { residentKey: "required", userVerification: "required" },
        attestation: "none",
        timeout: TIMEOUT,
        extensions: { prf: { eval: { first: utf8(INPUT) } } },
      },
    }),
  );
  const { prf } = credential.getClientExtensionResults();
  if (!prf?.enabled) throw new WalletError("no_passkey_seed", "the passkey has no prf");
  // Many passkeys answer only once they exist.
  const seed = seedOf(prf) ?? (await readPasskey(b64urlEncode(new Uint8Array(credential.rawId)), credentials)).seed;
  return { credentialId: b64urlEncode(new Uint8Array(credential.rawId)), seed };
}

/** Ask the passkey for the seed; without an id the person chooses among those they have for this door. */
export async function readPasskey(credentialId, credentials = navigator.credentials) {
  const allowed = credentialId ? [{ type: "public-key", id: b64urlDecode(credentialId) }] : [];
  const credential = await asked(() =>
    credentials.get({
      publicKey: {
        challenge: randomBytes(32),
        allowCredentials: allowed,
        userVerification: "required",
        timeout: TIMEOUT,
        extensions: { prf: { eval: { first: utf8(INPUT) } } },
      },
    }),
  );
  const seed = seedOf(credential.getClientExtensionResults().prf);
  if (seed === null) throw new WalletError("no_passkey_seed", "the passkey gave no seed");
  return { credentialId: b64urlEncode(new Uint8Array(credential.rawId)), seed };
}

function seedOf(prf) {
  const first = prf?.results?.first;
  if (!first) return null;
  const seed = new Uint8Array(first);
  if (seed.length !== SEED_SIZE) throw new WalletError("no_passkey_seed", "the passkey's answer is not 32 bytes");
  return seed;
}

async function asked(operation) {
  try {
    return await operation();
  } catch (error) {
    throw new WalletError("passkey_refused", `the passkey was not used: ${error.name}`);
  }
}
