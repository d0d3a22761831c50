// Fixtures of npm @cloudflare/privacypass-ts, the same bytes at every run: all its randomness is drawn from a counter
// under SHA-256, and what was drawn stands in the fixtures, so that others can make the very same requests. The two
// private keys are read, since WebCrypto makes none from a seed. Usage: node make_privacypass_ts_fixtures.mjs DIRECTORY
import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import {
  AuthorizationHeader, TOKEN_TYPES, TokenChallenge, WWWAuthenticateHeader, genericBatched, publicVerif,
} from '@cloudflare/privacypass-ts';

const [directory] = process.argv.slice(2);
const hex = (bytes) => Buffer.from(bytes).toString('hex');
const ISSUER = 'issuer.example';
const MODE = publicVerif.BlindRSAMode.PSS;

let counter = 0;
let drawn = [];
crypto.getRandomValues = (array) => {
  const stream = [];
  while (32 * stream.length < array.length) {
    stream.push(createHash('sha256').update(`blindage fixtures ${(counter += 1)}`).digest());
  }
  array.set(Buffer.concat(stream).subarray(0, array.length));
  drawn.push(Buffer.from(array));
  return array;
};

async function opened({ skS }) {
  const pem = Buffer.from(skS, 'hex').toString();
  const der = Buffer.from(pem.replaceAll(/-----[^-]+-----|\s/g, ''), 'base64');
  const { name, hash } = publicVerif.BLIND_RSA.rsaParams;
  const privateKey = await crypto.subtle.importKey('pkcs8', der, { name, hash }, true, ['sign']);
  const { n, e, kty } = await crypto.subtle.exportKey('jwk', privateKey);
  const publicKey = await crypto.subtle.importKey('jwk', { n, e, kty }, { name, hash }, true, ['verify']);
  const issuer = new publicVerif.Issuer(MODE, ISSUER, privateKey, publicKey);
  return { skS, issuer, publicKey, spki: await publicVerif.getPublicKeyBytes(publicKey) };
}

/** One client with its request, and the fixture as far as it goes before the answer. */
async function asked(key, challenge) {
  drawn = [];
  const client = new publicVerif.Client(MODE);
  const request = await client.createTokenRequest(challenge, key.spki);
  // Nonce, salt, and the blinding factor: the last of the draws that was below the modulus.
  const [nonce, salt] = drawn;
  if (nonce.length !== 32 || salt.length !== 48 || drawn.at(-1).length !== 256) throw new Error('unexpected draws');
  const fixture = {
    skS: key.skS, pkS: hex(key.spki), token_challenge: hex(challenge.serialize()), nonce: hex(nonce), salt: hex(salt),
    blind: hex(drawn.at(-1)),
  };
  return { client, request, fixture };
}

async function single(key, challenge) {
  const { client, request, fixture } = await asked(key, challenge);
  const response = await key.issuer.issue(request);
  const token = await client.finalize(response);
  if (!(await new publicVerif.Origin(MODE).verify(token, key.publicKey))) throw new Error('its own token');
  return {
    ...fixture, token_request: hex(request.serialize()), token_response: hex(response.serialize()),
    token: hex(token.serialize()), Authorization: new AuthorizationHeader(token).toString(),
  };
}

async function batch(keys, challenges) {
  const entries = [];
  for (const [at, challenge] of challenges.entries()) entries.push(await asked(keys[at % keys.length], challenge));
  const requests = entries.map(({ request }) => new genericBatched.TokenRequest(request));
  const request = new genericBatched.Client().createTokenRequest(requests);
  const response = await new genericBatched.Issuer(...keys.map(({ issuer }) => issuer)).issue(request);
  const issuance = [];
  for (const [at, { client, fixture }] of entries.entries()) {
    const token = await client.finalize(response.tokenResponses[at].tokenResponse);
    issuance.push({ type: '0002', ...fixture, token: hex(token.serialize()) });
  }
  return { issuance, token_request: hex(request.serialize()), token_response: hex(response.serialize()) };
}

function header(keys, challenges, maxAge) {
  const each = challenges.map((challenge, at) => new WWWAuthenticateHeader(challenge, keys[at].spki, maxAge));
  const members = challenges.map((challenge, at) => ({
    [`token-type-${at}`]: challenge.tokenType, [`token-challenge-${at}`]: hex(challenge.serialize()),
    [`token-key-${at}`]: hex(keys[at].spki), [`max-age-${at}`]: maxAge,
  }));
  return Object.assign({}, ...members, { 'WWW-Authenticate': each.map((one) => one.toString(true)).join(', ') });
}

const keys = await Promise.all(
  JSON.parse(readFileSync(join(directory, 'privacypass_ts_keys.json'))).map((key) => opened(key)),
);
const context = (letter) => new Uint8Array(Buffer.from(letter.repeat(32)));
const challenge = (redemptionContext, origins, issuer = ISSUER) =>
  new TokenChallenge(TOKEN_TYPES.BLIND_RSA.value, issuer, redemptionContext, origins);
const none = new Uint8Array(0);
const door = challenge(none, ['door.example']);
const challenges = [
  door, challenge(context('a'), ['door.example']), challenge(none, undefined),
  challenge(context('b'), ['one.example', 'two.example']),
  challenge(none, ['app.localhost:9002'], '127.0.0.1:9000'),
];

const files = {
  privacypass_ts_type_0x0002: [],
  privacypass_ts_generic_batch: [
    await batch(keys.slice(0, 1), [door]),
    await batch(keys.slice(0, 1), Array.from({ length: 5 }, () => door)),
    await batch(keys, challenges),
  ],
  privacypass_ts_auth_scheme_header: [header(keys, [door], 10), header(keys, challenges.slice(0, 2), 3600)],
};
for (const [at, one] of challenges.entries()) files.privacypass_ts_type_0x0002.push(await single(keys[at % 2], one));
for (const [name, vectors] of Object.entries(files)) {
  writeFileSync(join(directory, `${name}.json`), `${JSON.stringify(vectors, null, 1)}\n`);
}
