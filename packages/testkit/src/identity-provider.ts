import { generateKeyPairSync } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Provider } from 'oidc-provider';

/** The claims about a user that the UserInfo endpoint returns, and the claims in the ID token (`idToken`). */
export interface Profile {
  name?: string;
  email?: string;
  email_verified?: boolean | string;
  groups?: unknown;
  idToken?: Record<string, unknown>;
  [claim: string]: unknown;
}

/** The claims in addition to the standard claims. The provider sends `groups` only for the scope `groups`. */
const FURTHER_CLAIMS = ['realm_access', 'https://example.org/roles', 'hasgroups'];

const SIGN_IN_PATH = '/sign-in';

/** An OpenID provider on the loopback interface. It signs in the user that the test sets, without a sign-in page. */
export type IdentityProvider = Awaited<ReturnType<typeof startIdentityProvider>>;

/** Starts the provider on a port, by default any free one. It responds only after `register` has been called. */
export async function startIdentityProvider(port = 0, hasUserInfo = true) {
  const server = createServer();
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const client = { clientId: 'muster', clientSecret: 'a secret that only the provider and its client know' };
  let callbackUrl = '';
  const state = {
    issuer,
    client,
    /** The profile of each user, by user id. */
    people: new Map<string, Profile>(),
    /** The id of the user who signs in. If it is null, the provider denies the sign-in. */
    visitor: null as string | null,
    /** Registers the client. The provider redirects users to the client's URL. */
    register(clientUrl: string): void {
      callbackUrl = clientUrl;
      const provider = createProvider();
      const handle = provider.callback();
      server.on('request', (req, res) => {
        if (req.url !== SIGN_IN_PATH) return void handle(req, res);
        const { visitor } = state;
        const result = visitor === null ? { error: 'access_denied' } : { login: { accountId: visitor } };
        return void provider.interactionFinished(req, res, result);
      });
    },
    async close(): Promise<void> {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
  return state;

  function createProvider(): Provider {
    const { clientId, clientSecret } = client;
    const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
    // The provider warns that it keeps its data in memory, which is intended here.
    const { warn } = console;
    console.warn = () => undefined;
    const provider: Provider = new Provider(issuer, {
      clients: [{ client_id: clientId, client_secret: clientSecret, redirect_uris: [callbackUrl] }],
      cookies: { keys: ['signs the cookies of the provider'] },
      jwks: { keys: [{ ...privateKey.export({ format: 'jwk' }), use: 'sig' }] },
      claims: {
        ...{ openid: ['sub'], email: ['email', 'email_verified'] },
        ...{ profile: ['name', ...FURTHER_CLAIMS], groups: ['groups'] },
      },
      conformIdTokenClaims: false,
      features: { devInteractions: { enabled: false }, userinfo: { enabled: hasUserInfo } },
      findAccount: (_context, id) => {
        const { idToken, ...userInfo } = state.people.get(id) ?? {};
        return { accountId: id, claims: (use) => ({ sub: id, ...(use === 'id_token' ? idToken : userInfo) }) };
      },
      interactions: { url: () => SIGN_IN_PATH },
      // Grants the scopes without asking the user.
      loadExistingGrant: async ({ oidc }) => {
        const grant = new provider.Grant({ clientId, accountId: oidc.session!.accountId! });
        grant.addOIDCScope('openid email profile groups');
        await grant.save();
        return grant;
      },
      ttl: { AccessToken: 60, Grant: 60, IdToken: 60, Interaction: 60, Session: 60 },
    });
    console.warn = warn;
    return provider;
  }
}
