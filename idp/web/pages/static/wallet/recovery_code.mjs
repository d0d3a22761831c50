/**
 * The seed as a person can write it down: 56 letters and digits in 14 groups of four.
 *
 * Crockford's base 32 (no I, L, O, U; capitals or not; O reads as 0, I and L as 1) of the 32 bytes and a checksum of
 * 3, so that one wrong letter in sixteen million slips through.
 */
import { concat, equal, lp, sha256 } from "./bytes.mjs";
import { WalletError } from "./errors.mjs";
import { SEED_SIZE } from "./sector_key.mjs";

const ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const CHECKSUM_SIZE = 3;
const CODE_SIZE = ((SEED_SIZE + CHECKSUM_SIZE) * 8) / 5;
const GROUP_SIZE = 4;
export const GROUPS = CODE_SIZE / GROUP_SIZE;

/** The groups of the code, in order. */
export async function recoveryGroups(seed) {
  const number = BigInt(`0x${hex(concat(seed, await checksum(seed)))}`);
  const letters = Array.from({ length: CODE_SIZE }, (_, at) => {
    const shift = BigInt(5 * (CODE_SIZE - 1 - at));
    return ALPHABET[Number((number >> shift) & 31n)];
  }).join("");
  return letters.match(/.{4}/g);
}

/** The seed of a code that a person typed; refused when a letter is wrong. */
export async function readRecoveryCode(text) {
  const letters = normalise(text);
  if (letters.length !== CODE_SIZE) throw new WalletError("code_wrong", "recovery code has another length");
  let number = 0n;
  for (const letter of letters) {
    const value = ALPHABET.indexOf(letter);
    if (value < 0) throw new WalletError("code_wrong", "recovery code has a foreign letter");
    number = number * 32n + BigInt(value);
  }
  const digits = number.toString(16).padStart(2 * (SEED_SIZE + CHECKSUM_SIZE), "0");
  const data = Uint8Array.from(digits.match(/../g), (pair) => Number.parseInt(pair, 16));
  const seed = data.slice(0, SEED_SIZE);
  if (!equal(data.slice(SEED_SIZE), await checksum(seed))) {
    throw new WalletError("code_wrong", "recovery code does not check out");
  }
  return seed;
}

/** Whether a person typed this group. */
export function isGroup(text, group) {
  return normalise(text) === group;
}

function normalise(text) {
  // NFKC: an input method for Chinese may write the letters in full width.
  const letters = text.normalize("NFKC").replace(/[\s\p{Pd}]/gu, "");
  return letters.toUpperCase().replaceAll("O", "0").replaceAll(/[IL]/g, "1");
}

async function checksum(seed) {
  return (await sha256(lp("blindage/veil/recovery/v1", seed))).slice(0, CHECKSUM_SIZE);
}

function hex(data) {
  return Array.from(data, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
