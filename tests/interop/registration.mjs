// Dynamic registration as openid-client does it, with an initial access token, then the code flow with PAR and DPoP.
import * as client from 'openid-client';
import { createInterface } from 'node:readline';

const [issuer, initialAccessToken, redirectUri] = process.argv.slice(2);
const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const say = (event) => process.stdout.write(`${JSON.stringify(event)}\n`);
const hear = async () => (await lines.next()).value;

const config = await client.dynamicClientRegistration(
  new URL(issuer),
  { client_name: 'Registered by itself', redirect_uris: [redirectUri], token_endpoint_auth_method: 'client_secret_post' },
  undefined,
  { initialAccessToken, execute: [client.allowInsecureRequests] },
);
const registered = config.clientMetadata();
const DPoP = client.getDPoPHandle(config, await client.randomDPoPKeyPair('ES256'));
const verifier = client.randomPKCECodeVerifier();
const url = await client.buildAuthorizationUrlWithPAR(config, {
  redirect_uri: redirectUri,
  scope: 'openid age',
  code_challenge: await client.calculatePKCECodeChallenge(verifier),
  code_challenge_method: 'S256',
}, { DPoP });
say({ authorize: url.href, registered });
const tokens = await client.authorizationCodeGrant(
  config, new URL(await hear()), { pkceCodeVerifier: verifier, idTokenExpected: true }, undefined, { DPoP },
);
say({ claims: tokens.claims(), tokenType: tokens.token_type });
process.exit(0);
