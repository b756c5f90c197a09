// An OpenID provider that others wrote (npm oidc-provider): its own pages ask for a name and any password.
// It is given the port, the clients and the accounts' claims as JSON, and prints a line once it listens.
import Provider from 'oidc-provider';

const given = JSON.parse(process.argv[2]);
const issuer = `http://127.0.0.1:${given.port}`;
const provider = new Provider(issuer, {
  clients: given.clients,
  claims: { openid: ['sub', 'groups', 'organisation', 'fhirUser'] },
  conformIdTokenClaims: false,
  pkce: { required: () => true },
  cookies: { keys: ['only for tests'] },
  enabledJWA: { clientAuthSigningAlgValues: ['RS256', 'ES256', 'RS384', 'ES384'] },
  findAccount: (_, id) => ({ accountId: id, claims: () => ({ sub: id, ...given.accounts[id] }) }),
});
provider.listen(given.port, '127.0.0.1', () => console.log('listening'));
// It ends with whoever started it.
process.stdin.on('end', () => process.exit()).resume();
