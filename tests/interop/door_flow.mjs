// The code flow at the door as openid-client does it: the same calls as at any provider. Speaks JSON lines.
import * as client from 'openid-client';
import { createInterface } from 'node:readline';

const [issuer, clientId, clientSecret, redirectUri, logoutUri] = process.argv.slice(2);
const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const say = (event) => process.stdout.write(`${JSON.stringify(event)}\n`);
const hear = async () => (await lines.next()).value;

const config = await client.discovery(
  new URL(issuer), clientId, undefined, client.ClientSecretBasic(clientSecret), { execute: [client.allowInsecureRequests] },
);
for (;;) {
  const verifier = client.randomPKCECodeVerifier();
  const state = client.randomState();
  const nonce = client.randomNonce();
  const url = client.buildAuthorizationUrl(config, {
    redirect_uri: redirectUri,
    scope: 'openid age',
    code_challenge: await client.calculatePKCECodeChallenge(verifier),
    code_challenge_method: 'S256',
    state,
    nonce,
    max_age: '0',
  });
  say({ authorize: url.href });
  const answer = await hear();
  if (answer === 'end') break;
  const tokens = await client.authorizationCodeGrant(config, new URL(answer), {
    pkceCodeVerifier: verifier, expectedState: state, expectedNonce: nonce, idTokenExpected: true, maxAge: 0,
  });
  const claims = tokens.claims();
  const userinfo = await client.fetchUserInfo(config, tokens.access_token, claims.sub);
  const logout = client.buildEndSessionUrl(config, {
    id_token_hint: tokens.id_token, post_logout_redirect_uri: logoutUri, state: 'after logout',
  });
  say({ claims, userinfo, scope: tokens.scope, refreshToken: tokens.refresh_token ?? null, logout: logout.href });
}
process.exit(0);
