/** EMSA-PSS encoding (RFC 8017, section 9.1.1): the half of RSASSA-PSS that a blind signature leaves to the client. */
import { bigEndian, concat } from "./bytes.mjs";
import { WalletError } from "./errors.mjs";

const HASH_SIZES = { "SHA-1": 20, "SHA-384": 48 };

/** MGF1 (RFC 8017, appendix B.2.1): `length` mask bytes drawn from `seed`. */
async function mgf1(seed, length, hash) {
  const blocks = [];
  for (let counter = 0; counter * HASH_SIZES[hash] < length; counter += 1) {
    blocks.push(await digest(hash, concat(seed, bigEndian(counter, 4))));
  }
  return concat(...blocks).subarray(0, length);
}

/**
 * Encode `message` with the salt given; `emBits` is the bit length of the modulus less one.
 *
 * ceil(emBits / 8) bytes whose number is below the modulus. `hash` serves the message and MGF1 alike: SHA-384 for
 * tokens; SHA-1 is there for the published vector alone.
 */
export async function emsaPssEncode(message, emBits, salt, hash = "SHA-384") {
  const emLength = Math.ceil(emBits / 8);
  const messageHash = await digest(hash, message);
  const padding = emLength - salt.length - messageHash.length - 2;
  if (padding < 0) throw new WalletError("malformed", "modulus too short for this hash and salt");
  const saltedHash = await digest(hash, concat(new Uint8Array(8), messageHash, salt));
  const dataBlock = concat(new Uint8Array(padding), Uint8Array.of(0x01), salt);
  const mask = await mgf1(saltedHash, dataBlock.length, hash);
  const masked = dataBlock.map((byte, at) => byte ^ mask[at]);
  masked[0] &= 0xff >> (8 * emLength - emBits);
  return concat(masked, saltedHash, Uint8Array.of(0xbc));
}

async function digest(hash, data) {
  return new Uint8Array(await crypto.subtle.digest(hash, data));
}
