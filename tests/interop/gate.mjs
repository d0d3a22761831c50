// A token for the first challenge of a WWW-Authenticate field, as @cloudflare/privacypass-ts reads and answers it.
// Answers with one JSON line. The issuer's address is given, since the library takes a name to mean https.
import { AuthorizationHeader, WWWAuthenticateHeader, publicVerif, sendTokenRequest } from '@cloudflare/privacypass-ts';

const [issuer, accessToken, header] = process.argv.slice(2);
const [asked] = WWWAuthenticateHeader.parse(header);
const client = new publicVerif.Client(publicVerif.BlindRSAMode.PSS);
const request = await client.createTokenRequest(asked.challenge, asked.tokenKey);
const headers = new Headers({ Authorization: `Bearer ${accessToken}` });
const answer = await sendTokenRequest(request.serialize(), new URL('/token-request', issuer), headers);
const token = await client.finalize(client.deserializeTokenResponse(answer));
process.stdout.write(`${JSON.stringify({ authorization: new AuthorizationHeader(token).toString() })}\n`);
process.exit(0);
