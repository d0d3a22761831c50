// The device flow as openid-client does it: codes, polls in time, tokens. Speaks JSON lines with the test, which plays
// the person. Arguments: issuer, client id, its secret or "", "dpop" or "".
import * as client from 'openid-client';

const [issuer, clientId, clientSecret, bound] = process.argv.slice(2);
const say = (event) => process.stdout.write(`${JSON.stringify(event)}\n`);

const authentication = clientSecret ? client.ClientSecretBasic(clientSecret) : client.None();
const config = await client.discovery(
  new URL(issuer), clientId, undefined, authentication, { execute: [client.allowInsecureRequests] },
);
config[client.customFetch] = async (url, options) => {
  const response = await fetch(url, options);
  if (String(url) === config.serverMetadata().token_endpoint) {
    say({ poll: (await response.clone().json()).error ?? 'tokens' });
  }
  return response;
};
const device = await client.initiateDeviceAuthorization(config, { scope: 'openid age' });
say({ device });
const DPoP = bound ? client.getDPoPHandle(config, await client.randomDPoPKeyPair('ES256')) : undefined;
try {
  const tokens = await client.pollDeviceAuthorizationGrant(config, device, undefined, { DPoP });
  const claims = tokens.claims();
  const userinfo = await client.fetchUserInfo(config, tokens.access_token, claims.sub, { DPoP });
  say({ claims, userinfo, tokenType: tokens.token_type });
} catch (error) {
  say({ refused: error.error });
}
process.exit(0);
