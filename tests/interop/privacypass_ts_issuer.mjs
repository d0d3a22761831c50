// @cloudflare/privacypass-ts as issuer and origin: signs requests made elsewhere, with a key of the fixtures, and says
// of each token whether it verifies. One JSON line in, one out; bytes are hexadecimal.
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';

import { AuthorizationHeader, TOKEN_TYPES, genericBatched, publicVerif } from '@cloudflare/privacypass-ts';

const [keyFile] = process.argv.slice(2);
const MODE = publicVerif.BlindRSAMode.PSS;
const bytes = (text) => new Uint8Array(Buffer.from(text, 'hex'));
const hex = (data) => Buffer.from(data).toString('hex');
const log = console.log;
// It prints what it refuses to sign; the answer alone belongs there.
console.log = console.error;

const [{ skS }] = JSON.parse(readFileSync(keyFile));
const der = Buffer.from(Buffer.from(skS, 'hex').toString().replaceAll(/-----[^-]+-----|\s/g, ''), 'base64');
const { name, hash } = publicVerif.BLIND_RSA.rsaParams;
const privateKey = await crypto.subtle.importKey('pkcs8', der, { name, hash }, true, ['sign']);
const { n, e, kty } = await crypto.subtle.exportKey('jwk', privateKey);
const publicKey = await crypto.subtle.importKey('jwk', { n, e, kty }, { name, hash }, true, ['verify']);
const issuer = new publicVerif.Issuer(MODE, 'issuer.example', privateKey, publicKey);

for await (const line of createInterface({ input: process.stdin })) {
  const { single, batch, authorizations } = JSON.parse(line);
  const request = publicVerif.TokenRequest.deserialize(TOKEN_TYPES.BLIND_RSA, bytes(single));
  const requests = genericBatched.BatchedTokenRequest.deserialize(bytes(batch));
  const origin = new publicVerif.Origin(MODE);
  const verified = [];
  for (const header of authorizations) {
    const [{ token }] = AuthorizationHeader.parse(TOKEN_TYPES.BLIND_RSA, header);
    verified.push(await origin.verify(token, publicKey));
  }
  log(JSON.stringify({
    single: hex((await issuer.issue(request)).serialize()),
    batch: hex((await new genericBatched.Issuer(issuer).issue(requests)).serialize()),
    verified,
  }));
}
