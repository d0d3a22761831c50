/** Keys of token type 0x0002 (RFC 9578, section 6.5): RSA-2048, e = 65537, and no other. */
import { os2ip, publicKeyOf } from "./blind_rsa.mjs";
import { equal, sha256 } from "./bytes.mjs";
import { WalletError } from "./errors.mjs";

const MODULUS_SIZE = 256;
// Everything of the SubjectPublicKeyInfo but the modulus is constant: id-RSASSA-PSS with SHA-384, MGF1 with SHA-384
// and a salt of 48 bytes, all written out. The key identifier is a hash of these very bytes.
const SPKI_HEAD = hex(
  "30820152" + // SubjectPublicKeyInfo
    "303d06092a864886f70d01010a" + // AlgorithmIdentifier, id-RSASSA-PSS
    "3030a00d300b0609608648016503040202" + // hashAlgorithm id-sha384
    "a11a301806092a864886f70d010108300b0609608648016503040202" + // maskGenAlgorithm id-mgf1 with id-sha384
    "a203020130" + // saltLength 48
    "0382010f00" + // subjectPublicKey
    "3082010a02820101" + // RSAPublicKey, modulus of 257 bytes
    "00", // its sign byte
);
const SPKI_TAIL = hex("0203010001");
export const SPKI_SIZE = SPKI_HEAD.length + MODULUS_SIZE + SPKI_TAIL.length;

/** Read the 342 bytes; refused unless they are RSA-2048 with e = 65537, byte for byte in this form. */
export async function readTokenKey(spki) {
  const modulus = spki.slice(SPKI_HEAD.length, SPKI_HEAD.length + MODULUS_SIZE);
  const isForm =
    spki.length === SPKI_SIZE &&
    equal(spki.subarray(0, SPKI_HEAD.length), SPKI_HEAD) &&
    equal(spki.subarray(SPKI_HEAD.length + MODULUS_SIZE), SPKI_TAIL) &&
    modulus[0] >= 0x80 &&
    (os2ip(modulus) & 1n) === 1n;
  if (!isForm) throw new WalletError("key_form", "not the SubjectPublicKeyInfo of an RSA-2048 token key");
  return { ...(await publicKeyOf(modulus)), spki, keyId: await sha256(spki) };
}

function hex(digits) {
  return Uint8Array.from(digits.match(/../g), (pair) => Number.parseInt(pair, 16));
}
