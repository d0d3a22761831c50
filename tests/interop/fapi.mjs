// FAPI 2.0 as openid-client does it: private_key_jwt, PAR, PKCE, DPoP with nonce retry, refresh, userinfo.
// argv: issuer, client id, redirect URI; the private JWK comes as the first line of standard input.
import * as client from 'openid-client';
import { createInterface } from 'node:readline';

const [issuer, clientId, redirectUri] = process.argv.slice(2);
const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const say = (event) => process.stdout.write(`${JSON.stringify(event)}\n`);
const hear = async () => (await lines.next()).value;

const jwk = JSON.parse(await hear());
const key = await crypto.subtle.importKey('jwk', jwk, { name: 'ECDSA', namedCurve: 'P-256' }, false, ['sign']);
const config = await client.discovery(
  new URL(issuer), clientId, { use_mtls_endpoint_aliases: false, id_token_signed_response_alg: 'ES256' },
  client.PrivateKeyJwt({ key, kid: jwk.kid }), { execute: [client.allowInsecureRequests] },
);
const DPoP = client.getDPoPHandle(config, await client.randomDPoPKeyPair('ES256'));
const verifier = client.randomPKCECodeVerifier();
const nonce = client.randomNonce();
const url = await client.buildAuthorizationUrlWithPAR(config, {
  redirect_uri: redirectUri,
  scope: 'openid age',
  code_challenge: await client.calculatePKCECodeChallenge(verifier),
  code_challenge_method: 'S256',
  nonce,
}, { DPoP });
say({ authorize: url.href });
const callback = new URL(await hear());
const tokens = await client.authorizationCodeGrant(
  config, callback, { pkceCodeVerifier: verifier, expectedNonce: nonce, idTokenExpected: true }, undefined, { DPoP },
);
const userinfo = await client.fetchUserInfo(config, tokens.access_token, tokens.claims().sub, { DPoP });
const refreshed = await client.refreshTokenGrant(config, tokens.refresh_token, undefined, { DPoP });
const again = await client.fetchUserInfo(config, refreshed.access_token, tokens.claims().sub, { DPoP });
say({ claims: tokens.claims(), tokenType: tokens.token_type, userinfo, again });
process.exit(0);
