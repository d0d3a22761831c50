/**
 * Where the seed of the pseudonyms comes from: a passkey, or 32 random bytes in this browser with a recovery code.
 *
 * Kept is `{kind: "passkey", credentialId}`, which is no secret, or `{kind: "stored", seed}`. A stored seed is kept
 * only after its recovery code was confirmed: what signs a person in must be recoverable from the first time on.
 */
import { randomBytes } from "./bytes.mjs";
import { WalletError } from "./errors.mjs";
import { createPasskey, readPasskey } from "./passkey.mjs";
import { GROUPS, isGroup, readRecoveryCode, recoveryGroups } from "./recovery_code.mjs";
import { SEED_SIZE } from "./sector_key.mjs";

const ASKED_GROUPS = 2;

/** Make a passkey whose seed is from now on this wallet's. */
export async function adoptNewPasskey(store, credentials) {
  const { credentialId } = await createPasskey(credentials);
  await store.keepSeed({ kind: "passkey", credentialId });
}

/** Use a passkey made earlier, perhaps before this browser forgot the wallet. */
export async function adoptOldPasskey(store, credentials) {
  const { credentialId } = await readPasskey(null, credentials);
  await store.keepSeed({ kind: "passkey", credentialId });
}

/** A fresh seed, not kept yet: its code, and which groups (from 0) the person is to type back. */
export async function draftSeed() {
  const seed = randomBytes(SEED_SIZE);
  return { seed, groups: await recoveryGroups(seed), asked: someGroups() };
}

/** Keep a drafted seed once the person has typed the groups asked for; refused when one is wrong. */
export async function confirmSeed(store, draft, typed) {
  const isRight = draft.asked.every((group, at) => isGroup(typed[at] ?? "", draft.groups[group]));
  if (!isRight) throw new WalletError("groups_wrong", "the code was not typed as it was shown");
  await store.keepSeed({ kind: "stored", seed: draft.seed });
}

/** Take the seed of a recovery code. */
export async function restoreSeed(store, code) {
  await store.keepSeed({ kind: "stored", seed: await readRecoveryCode(code) });
}

/** The recovery code of a stored seed, in groups. */
export async function storedCode(store) {
  const kept = await store.seed();
  if (kept?.kind !== "stored") throw new WalletError("no_seed", "there is no stored seed");
  return recoveryGroups(kept.seed);
}

/** The 32 bytes themselves, for one signature; a passkey asks the person. */
export async function openSeed(store, credentials) {
  const kept = await store.seed();
  if (kept === null) throw new WalletError("no_seed", "there is no seed yet");
  if (kept.kind === "stored") return kept.seed;
  return (await readPasskey(kept.credentialId, credentials)).seed;
}

/** Two different groups, in their order. */
function someGroups() {
  const chosen = new Set();
  while (chosen.size < ASKED_GROUPS) {
    const [byte] = randomBytes(1);
    // Bytes beyond the last whole multiple would favour the first groups.
    if (byte < 256 - (256 % GROUPS)) chosen.add(byte % GROUPS);
  }
  return [...chosen].sort((left, right) => left - right);
}
