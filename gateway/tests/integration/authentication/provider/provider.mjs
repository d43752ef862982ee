// A real OpenID provider: node provider.mjs <port> <redirect URL> <accounts as JSON> <claims in the ID token: yes|no>
import Provider from 'oidc-provider';

const [port, redirectUrl, accounts, claimsInIdToken] = process.argv.slice(2);
const people = JSON.parse(accounts);

const provider = new Provider(`http://127.0.0.1:${port}`, {
  clients: [
    {
      client_id: 'procurement',
      client_secret: 'a secret: with + signs',
      redirect_uris: [redirectUrl],
      response_types: ['code'],
      grant_types: ['authorization_code'],
    },
  ],
  pkce: { required: () => true },
  claims: { openid: ['sub'], email: ['email', 'email_verified'], profile: ['name', 'groups'] },
  conformIdTokenClaims: claimsInIdToken !== 'yes',
  findAccount: (_, id) =>
    people[id] && { accountId: id, claims: async () => ({ sub: id, ...people[id] }) },
  features: { devInteractions: { enabled: true } },
});

provider.listen(Number(port), '127.0.0.1', () => console.log('ready'));
