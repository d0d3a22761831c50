// Age tokens as @cloudflare/privacypass-ts fetches and checks them: one alone, then a generic batch. Answers with one
// JSON line. The issuer's address is given, since the library takes a name to mean https.
import {
  AuthorizationHeader, MediaType, PRIVATE_TOKEN_ISSUER_DIRECTORY, TOKEN_TYPES, TokenChallenge, genericBatched, publicVerif,
  sendTokenRequest,
} from '@cloudflare/privacypass-ts';

const [issuer, accessToken, originName, count] = process.argv.slice(2);
const authorized = () => new Headers({ Authorization: `Bearer ${accessToken}` });
const encoded = (bytes) => Buffer.from(bytes).toString('base64url');

const directory = await fetch(new URL(PRIVATE_TOKEN_ISSUER_DIRECTORY, issuer));
if (directory.headers.get('Content-Type') !== MediaType.PRIVATE_TOKEN_ISSUER_DIRECTORY) throw new Error('media type');
const { 'issuer-request-uri': path, 'token-keys': keys } = await directory.json();
const listed = keys.find((key) => key['token-type'] === TOKEN_TYPES.BLIND_RSA.value);
const spki = new Uint8Array(Buffer.from(listed['token-key'], 'base64url'));
const requestUri = new URL(path, issuer);

const origin = new publicVerif.Origin(publicVerif.BlindRSAMode.PSS, [originName]);
const challenge = new TokenChallenge(TOKEN_TYPES.BLIND_RSA.value, new URL(issuer).host, new Uint8Array(0), [originName]);
const verifier = await crypto.subtle.importKey(
  'spki', publicVerif.convertRSASSAPSSToEnc(spki), { name: 'RSA-PSS', hash: 'SHA-384' }, true, ['verify'],
);
const newClient = () => new publicVerif.Client(publicVerif.BlindRSAMode.PSS);

async function checked(token) {
  if (!(await origin.verify(token, verifier))) throw new Error('the token does not verify');
  // As an origin would read it out of a request, and back.
  const [header] = AuthorizationHeader.parse(TOKEN_TYPES.BLIND_RSA, new AuthorizationHeader(token).toString());
  return encoded(header.token.serialize());
}

const single = newClient();
const request = await single.createTokenRequest(challenge, spki);
const answer = await sendTokenRequest(request.serialize(), requestUri, authorized());
const alone = await checked(await single.finalize(single.deserializeTokenResponse(answer)));

const clients = Array.from({ length: Number(count) }, newClient);
const requests = await Promise.all(clients.map((client) => client.createTokenRequest(challenge, spki)));
const batch = new genericBatched.Client().createTokenRequest(requests.map((one) => new genericBatched.TokenRequest(one)));
const headers = authorized();
headers.set('Content-Type', MediaType.GENERIC_BATCHED_TOKEN_REQUEST);
const batched = await fetch(requestUri, { method: 'POST', headers, body: batch.serialize() });
if (batched.status !== 200) throw new Error(`${batched.status} ${await batched.text()}`);
if (batched.headers.get('Content-Type') !== MediaType.GENERIC_BATCHED_TOKEN_RESPONSE) throw new Error('media type');
const responses = new genericBatched.Client().deserializeTokenResponse(new Uint8Array(await batched.arrayBuffer()));
const tokens = await Promise.all(
  responses.tokenResponses.map(async ({ tokenResponse }, at) => checked(await clients[at].finalize(tokenResponse))),
);
process.stdout.write(`${JSON.stringify({ keys: keys.length, alone, tokens })}\n`);
process.exit(0);
