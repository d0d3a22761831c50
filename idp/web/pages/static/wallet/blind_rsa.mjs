/**
 * The client of RSA blind signatures (RFC 9474), variant RSABSSA-SHA384-PSS-Deterministic.
 *
 * BigInt arithmetic takes a time that depends on its operands, and browsers offer no constant-time integers. No
 * private key is ever here. The secrets are a blinding factor and its inverse: fresh random values of the browser's
 * generator, used for one signature only, and masked by another random value while they are inverted. Whoever could
 * time the single multiplications on the person's own device would be past all that a page can defend.
 */
import { b64urlEncode, bigEndian, randomBytes } from "./bytes.mjs";
import { WalletError } from "./errors.mjs";
import { emsaPssEncode } from "./pss.mjs";

export const SALT_SIZE = 48;
const PSS = { name: "RSA-PSS", saltLength: SALT_SIZE };

/** Big-endian bytes to integer (RFC 8017, section 4.2). */
export function os2ip(data) {
  let text = "0x0";
  for (const byte of data) text += byte.toString(16).padStart(2, "0");
  return BigInt(text);
}

/** A public key with e = 65537: modulus, its size in bytes, and the browser's own verifier for it. */
export async function publicKeyOf(modulusBytes) {
  const jwk = { kty: "RSA", n: b64urlEncode(modulusBytes), e: "AQAB", alg: "PS384" };
  const verifier = await crypto.subtle.importKey("jwk", jwk, { name: "RSA-PSS", hash: "SHA-384" }, false, ["verify"]);
  return { modulus: os2ip(modulusBytes), size: modulusBytes.length, verifier };
}

/** Blind (RFC 9474, section 4.2) with fresh salt and factor: the message for the server, the inverse to keep. */
export async function blind(key, prepared) {
  return blindWith(key, prepared, randomBytes(SALT_SIZE), randomUnit(key));
}

/** `blind` with its randomness given; a factor used twice or told to others undoes the blinding. */
export async function blindWith(key, prepared, salt, factor) {
  const { modulus, size } = key;
  // One bit less than the modulus (RFC 8017, section 8.1.1).
  const encoded = await emsaPssEncode(prepared, bitLength(modulus) - 1, salt);
  const number = os2ip(encoded);
  if (greatestCommonDivisor(number, modulus) !== 1n) {
    throw new WalletError("blind_rsa", "message shares a factor with the modulus");
  }
  const inverse = maskedInverse(factor, key);
  const blinded = (number * powerOf65537(factor, modulus)) % modulus;
  return { blindedMessage: bigEndian(blinded, size), inverse };
}

/** Finalize (RFC 9474, section 4.4): the signature on `prepared`, verified; anything else is refused. */
export async function finalize(key, prepared, blindSignature, inverse) {
  if (blindSignature.length !== key.size) throw refused("blind signature is not as long as the modulus");
  const number = os2ip(blindSignature);
  if (number >= key.modulus) throw refused("blind signature is out of range");
  const signature = bigEndian((number * inverse) % key.modulus, key.size);
  if (!(await crypto.subtle.verify(PSS, key.verifier, signature, prepared))) {
    throw refused("the signature does not verify");
  }
  return signature;
}

/** A uniform integer in 1 .. modulus - 1 (`random_integer_uniform` of RFC 9474). */
function randomUnit(key) {
  for (;;) {
    // The top bit of the modulus is set: at least every second draw is below it.
    const number = os2ip(randomBytes(key.size));
    if (number > 0n && number < key.modulus) return number;
  }
}

/** number ** 65537 modulo `modulus`: sixteen squarings and one multiplication, whatever the number. */
function powerOf65537(number, modulus) {
  let power = number;
  for (let step = 0; step < 16; step += 1) power = (power * power) % modulus;
  return (power * number) % modulus;
}

/** The inverse of a secret: a random factor hides it from the timing of the inversion and is multiplied out again. */
function maskedInverse(value, key) {
  const mask = randomUnit(key);
  return (inverseModulo((value * mask) % key.modulus, key.modulus) * mask) % key.modulus;
}

/** Extended Euclid; refused when there is no inverse. */
function inverseModulo(value, modulus) {
  let [remainder, next] = [modulus, value];
  let [coefficient, following] = [0n, 1n];
  while (next !== 0n) {
    const quotient = remainder / next;
    [remainder, next] = [next, remainder - quotient * next];
    [coefficient, following] = [following, coefficient - quotient * following];
  }
  if (remainder !== 1n) throw refused("value has no inverse modulo the key");
  return coefficient < 0n ? coefficient + modulus : coefficient;
}

function greatestCommonDivisor(left, right) {
  let [a, b] = [left, right];
  while (b !== 0n) [a, b] = [b, a % b];
  return a;
}

function bitLength(number) {
  return number.toString(2).length;
}

function refused(message) {
  return new WalletError("blind_rsa", message);
}
