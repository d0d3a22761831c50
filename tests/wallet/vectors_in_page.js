// The body of an async function, run in the wallet's page in a browser: its own modules on the published vectors.
// `given`: the RFC 9474 vector, and issuances of type 0x0002. Returns how many came out as published.
const [blindSignature, issuances] = given;
const { blindWith, finalize, os2ip, publicKeyOf } = await import("/wallet/blind_rsa.mjs");
const { sha256 } = await import("/wallet/bytes.mjs");
const { createTokenRequestWith, finalizeToken } = await import("/wallet/privacy_pass.mjs");
const { readTokenKey } = await import("/wallet/token_key.mjs");

const unhex = (digits) => Uint8Array.from(digits.replace(/^0x/, "").match(/../g), (pair) => Number.parseInt(pair, 16));
const hex = (bytes) => Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
let right = 0;

const key = await publicKeyOf(unhex(blindSignature.n));
const prepared = unhex(blindSignature.input_msg);
const blinded = await blindWith(key, prepared, unhex(blindSignature.salt), os2ip(unhex(blindSignature.factor)));
const signature = await finalize(key, prepared, unhex(blindSignature.blind_sig), blinded.inverse);
right += hex(blinded.blindedMessage) === blindSignature.blinded_msg && hex(signature) === blindSignature.sig;

for (const vector of issuances) {
  const tokenKey = await readTokenKey(unhex(vector.pkS ?? vector.pk_s));
  const digest = await sha256(unhex(vector.token_challenge));
  const { request, pending } = await createTokenRequestWith(
    digest, tokenKey, unhex(vector.nonce), unhex(vector.salt), os2ip(unhex(vector.blind)),
  );
  const token = await finalizeToken(pending, digest, tokenKey, unhex(vector.token_response));
  right += hex(request) === vector.token_request && hex(token) === vector.token;
}
return right;
