// An OpenID provider for tests: oidc-provider with the accounts it is given, a
// sign-in page of two fields, and clients that register themselves.
// It prints its issuer, then serves until it is ended.
import { createServer } from 'node:http';
import { exportJWK, generateKeyPair } from 'jose';
import { Provider } from 'oidc-provider';

// As Okta is: the issuer has a path, claims of scopes are at userinfo and custom
// ones in ID tokens, an assertion is for the token endpoint and nothing else, and
// acr is the one class that was asked for.
const okta = process.env.FIREBREAK_SHAPE === 'okta';
const prefix = okta ? '/oauth2/default' : '';
const oktaClasses = ['urn:okta:loa:1fa:any', 'urn:okta:loa:2fa:any', 'phr', 'phrh'];

const accounts = new Map(JSON.parse(process.env.FIREBREAK_ACCOUNTS).map((a) => [a.login, a]));

const jwk = async (alg, kid) => {
  const { privateKey } = await generateKeyPair(alg, { extractable: true });
  return { ...(await exportJWK(privateKey)), alg, kid, use: 'sig' };
};
const keys = [await jwk('RS256', 'rsa'), await jwk('ES256', 'ec')];

const server = createServer();
await new Promise((done) => server.listen(0, '127.0.0.1', done));
const issuer = `http://127.0.0.1:${server.address().port}${prefix}`;

const provider = new Provider(issuer, {
  jwks: { keys },
  cookies: { keys: ['a key of tests'] },
  acrValues: okta ? oktaClasses : ['urn:example:password', 'urn:example:strong'],
  claims: {
    acr: null, auth_time: null, sid: null,
    openid: okta ? ['sub', 'fhirUser', 'groups'] : ['sub', 'fhirUser', 'roles', 'organization'],
    profile: ['name', 'preferred_username'],
    email: ['email', 'email_verified'],
  },
  conformIdTokenClaims: okta,
  ...(okta && {
    routes: { authorization: '/v1/authorize', token: '/v1/token', jwks: '/v1/keys', userinfo: '/v1/userinfo', end_session: '/v1/logout' },
    assertJwtClientAuthClaimsAndHeader: async (ctx, claims) => {
      if (claims.aud !== `${issuer}/v1/token`) throw new Error('the audience is not the token endpoint');
    },
  }),
  // Logout tokens go to loopback here, which its own guard would not let them.
  fetch: (url, { dispatcher, ...options }) => globalThis.fetch(url, options),
  clientBasedCORS: () => false,
  pkce: { required: () => true },
  ttl: { AccessToken: 600, AuthorizationCode: 60, Grant: 3600, IdToken: 600, Interaction: 600, Session: 3600 },
  features: {
    devInteractions: { enabled: false },
    backchannelLogout: { enabled: true },
    introspection: { enabled: true },
    revocation: { enabled: true },
    // A test chooses its client's id and secret.
    registration: {
      enabled: true,
      idFactory: (ctx) => ctx.oidc.body.id,
      secretFactory: (ctx) => ctx.oidc.body.secret,
    },
  },
  extraClientMetadata: { properties: ['id', 'secret'] },
  interactions: { url: (_, interaction) => `${prefix}/sign-in/${interaction.uid}` },
  async findAccount(_, id) {
    const account = accounts.get(id);
    return account && { accountId: id, claims: () => ({ ...account.claims, sub: id }) };
  },
});

const page = (res, status, text) => {
  res.writeHead(status, { 'Content-Type': 'text/html; charset=utf-8' });
  res.end(`<!doctype html><title>Sign in</title><p>${text}</p><form method="post">
<input name="login" aria-label="login"><input name="password" type="password" aria-label="password">
<button>Sign in</button></form>`);
};

// granted is all that was asked: nobody is asked for consent.
async function granted(details) {
  const grant = new provider.Grant({ accountId: details.account, clientId: details.params.client_id });
  grant.addOIDCScope(details.params.scope);
  return grant.save();
}

async function signIn(req, res) {
  const details = await provider.interactionDetails(req, res);
  if (details.prompt.name === 'consent') {
    const grantId = await granted({ account: details.session.accountId, params: details.params });
    return provider.interactionFinished(req, res, { consent: { grantId } }, { mergeWithLastSubmission: true });
  }
  if (req.method !== 'POST') return page(res, 200, 'Who are you?');
  let body = '';
  for await (const chunk of req) body += chunk;
  const form = new URLSearchParams(body);
  const account = accounts.get(form.get('login'));
  if (!account || account.password !== form.get('password')) return page(res, 401, 'No.');
  const asked = (details.params.acr_values || '').split(' ');
  let acr = asked.includes('urn:example:strong') ? 'urn:example:strong' : 'urn:example:password';
  if (okta) acr = oktaClasses.find((c) => c === details.params.acr_values);
  return provider.interactionFinished(req, res, { login: { accountId: account.login, acr } });
}

const rest = provider.callback();
server.on('request', (req, res) => {
  if (prefix) { // what is below the issuer, as a server in front would hand it on
    req.originalUrl = req.url;
    req.url = req.url.startsWith(`${prefix}/`) ? req.url.slice(prefix.length) : '/nothing';
  }
  if (!req.url.startsWith('/sign-in/')) return rest(req, res);
  return signIn(req, res).catch((err) => {
    console.error(err);
    res.writeHead(500).end();
  });
});
provider.on('server_error', (_, err) => console.error(err));
provider.on('backchannel.error', (_, err) => console.error(err));
console.log(issuer);
