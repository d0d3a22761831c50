// node-oidc-provider with its own in-memory adapter, or with ours on node:sqlite (PEER_DATABASE names the file).
//
// Environment: PEER_ISSUER, PEER_PORT, PEER_KEY (file with a private P-256 JWK), PEER_DATABASE (empty: memory).
// Authorization codes are made on request, by the library's own models: a line `COUNT KIND FILE` on standard input
// writes the client and COUNT codes to FILE as JSON lines and answers `ready` on standard output.

import { createHash, randomBytes } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { createInterface } from 'node:readline';

import Provider from 'oidc-provider';
import MemoryAdapter from 'oidc-provider/lib/adapters/memory_adapter.js';
import LRU from 'oidc-provider/lib/helpers/lru.js';

import { openDatabase, SqliteAdapter } from './sqlite_adapter.mjs';

const { PEER_ISSUER, PEER_PORT, PEER_KEY, PEER_DATABASE } = process.env;
const REDIRECT_URI = 'http://127.0.0.1:9/callback';
const SCOPE = 'openid age';
const PEOPLE = 64;
// The library's own store keeps 1,000 things, fewer than the codes of one round.
const MEMORY_ENTRIES = 4_000_000;

const secret = () => randomBytes(32).toString('base64url');
const people = Array.from({ length: PEOPLE }, secret);

function client(kind, grantTypes) {
  return {
    client_id: `bench-${kind}`,
    client_secret: secret(),
    redirect_uris: [REDIRECT_URI],
    grant_types: grantTypes,
    response_types: ['code'],
    scope: SCOPE,
    token_endpoint_auth_method: 'client_secret_basic',
    id_token_signed_response_alg: 'ES256',
  };
}

const clients = {
  exchange: client('exchange', ['authorization_code']),
  refresh: client('refresh', ['authorization_code', 'refresh_token']),
};

function adapterOf() {
  if (PEER_DATABASE) {
    const database = openDatabase(PEER_DATABASE);
    return (model) => new SqliteAdapter(model, database);
  }
  const store = new LRU({ maxSize: MEMORY_ENTRIES });
  return (model) => new MemoryAdapter(model, store);
}

const provider = new Provider(PEER_ISSUER, {
  adapter: adapterOf(),
  clients: Object.values(clients),
  jwks: { keys: [{ ...JSON.parse(readFileSync(PEER_KEY, 'utf8')), use: 'sig', alg: 'ES256' }] },
  enabledJWA: { idTokenSigningAlgValues: ['ES256'] },
  scopes: ['openid', 'age'],
  claims: { openid: ['sub'], age: ['age_band'] },
  // The age band stands in the ID token, as in what this is compared with.
  conformIdTokenClaims: false,
  features: { introspection: { enabled: true }, devInteractions: { enabled: false } },
  findAccount: (ctx, id) => ({ accountId: id, claims: () => ({ sub: id, age_band: 'adult' }) }),
  issueRefreshToken: (ctx, asking) => asking.grantTypeAllowed('refresh_token'),
  // Confidential clients keep their refresh token, as in what this is compared with.
  rotateRefreshToken: false,
  ttl: { AccessToken: 300, AuthorizationCode: 300, Grant: 3600, IdToken: 300, RefreshToken: 3600 },
});

async function mint(count, kind) {
  const { client_id: clientId, client_secret: clientSecret } = clients[kind];
  const asking = await provider.Client.find(clientId);
  const lines = [JSON.stringify({ client_id: clientId, client_secret: clientSecret, redirect_uri: REDIRECT_URI })];
  for (let index = 0; index < count; index += 1) {
    const accountId = people[index % PEOPLE];
    const verifier = secret();
    const grant = new provider.Grant({ accountId, clientId });
    grant.addOIDCScope(SCOPE);
    const code = new provider.AuthorizationCode({
      accountId,
      client: asking,
      grantId: await grant.save(3600),
      redirectUri: REDIRECT_URI,
      scope: SCOPE,
      nonce: secret(),
      authTime: Math.floor(Date.now() / 1000),
      codeChallenge: createHash('sha256').update(verifier).digest('base64url'),
      codeChallengeMethod: 'S256',
    });
    lines.push(JSON.stringify({ code: await code.save(), code_verifier: verifier }));
  }
  return lines;
}

createInterface({ input: process.stdin }).on('line', async (line) => {
  const [count, kind, file] = line.split(' ');
  writeFileSync(file, `${(await mint(Number(count), kind)).join('\n')}\n`);
  process.stdout.write('ready\n');
}).on('close', () => process.exit(0));

provider.listen(Number(PEER_PORT), '127.0.0.1');
