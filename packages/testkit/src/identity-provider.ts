import { generateKeyPairSync } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Provider } from 'oidc-provider';

/** The claims about a user. */
export interface Profile {
  name?: string;
  email?: string;
  email_verified?: boolean;
}

/** An OpenID provider on the loopback interface. It signs in the user that the test sets, without a sign-in page. */
export class TestIdentityProvider {
  readonly client = { clientId: 'muster', clientSecret: 'a secret that only the provider and its client know' };
  /** Profiles by the ids of the users at the provider. */
  readonly people = new Map<string, Profile>();
  /** The user who signs in. Null: the sign-in is denied. */
  visitor: string | null = null;
  private callbackUrl = '';

  private constructor(
    private readonly server: Server,
    readonly issuer: string,
  ) {}

  /** Listens on a port, by default any free one. The provider responds only after `register`. */
  static async start(port = 0): Promise<TestIdentityProvider> {
    const server = createServer();
    server.listen(port, '127.0.0.1');
    await once(server, 'listening');
    return new TestIdentityProvider(server, `http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  }

  /** Registers the client. The provider redirects users to the client's `callbackUrl`. */
  register(callbackUrl: string): void {
    this.callbackUrl = callbackUrl;
    this.server.on('request', this.createHandler());
  }

  async close(): Promise<void> {
    this.server.closeAllConnections();
    this.server.close();
    await once(this.server, 'close');
  }

  /** Follows redirects from a URL of the provider with a new set of cookies. Returns the URL at the client. */
  async visit(startUrl: string): Promise<string> {
    const cookies = new Map<string, string>();
    let url = startUrl;
    for (let steps = 0; !url.startsWith(this.callbackUrl); steps += 1) {
      const cookie = [...cookies].map((pair) => pair.join('=')).join('; ');
      const response = await fetch(url, { redirect: 'manual', headers: { cookie } });
      const location = response.headers.get('location');
      if (location === null || steps > 10) throw new Error(`${url}: ${response.status} ${await response.text()}`);
      for (const line of response.headers.getSetCookie()) {
        const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(line) ?? [];
        cookies.set(name, value);
      }
      url = new URL(location, url).href;
    }
    return url;
  }

  private createHandler() {
    const { clientId, clientSecret } = this.client;
    const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
    // The provider warns that it keeps its data in memory, which is intended here.
    const { warn } = console;
    console.warn = () => undefined;
    const provider: Provider = new Provider(this.issuer, {
      clients: [{ client_id: clientId, client_secret: clientSecret, redirect_uris: [this.callbackUrl] }],
      cookies: { keys: ['signs the cookies of the provider'] },
      jwks: { keys: [{ ...privateKey.export({ format: 'jwk' }), use: 'sig' }] },
      claims: { openid: ['sub'], email: ['email', 'email_verified'], profile: ['name'] },
      features: { devInteractions: { enabled: false } },
      findAccount: (_context, id) => ({ accountId: id, claims: () => ({ sub: id, ...this.people.get(id) }) }),
      interactions: { url: () => SIGN_IN_PATH },
      // Grants the scopes without asking the user.
      loadExistingGrant: async ({ oidc }) => {
        const grant = new provider.Grant({ clientId, accountId: oidc.session!.accountId! });
        grant.addOIDCScope('openid email profile');
        await grant.save();
        return grant;
      },
      ttl: { AccessToken: 60, Grant: 60, IdToken: 60, Interaction: 60, Session: 60 },
    });
    console.warn = warn;
    const handle = provider.callback();
    return (req: IncomingMessage, res: ServerResponse) => {
      if (req.url !== SIGN_IN_PATH) return void handle(req, res);
      const { visitor } = this;
      const result = visitor === null ? { error: 'access_denied' } : { login: { accountId: visitor } };
      return void provider.interactionFinished(req, res, result);
    };
  }
}

const SIGN_IN_PATH = '/sign-in';
