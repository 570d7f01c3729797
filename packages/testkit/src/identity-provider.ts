import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { generateKeyPairSync } from 'node:crypto';
import { Provider } from 'oidc-provider';

/** What the provider knows of a person. */
export interface Profile {
  name?: string;
  email?: string;
  email_verified?: boolean;
}

/** An OpenID provider on loopback, at which whoever comes is the person whom a test has put before it. */
export class TestIdentityProvider {
  /** What a client is known to it by. */
  readonly client = { clientId: 'muster', clientSecret: 'a secret of the provider, and of nobody else' };
  /** By their ids there. */
  readonly people = new Map<string, Profile>();
  /** Who sits before the browser; null: somebody who declines. */
  visitor: string | null = null;
  private callbackUrl = '';

  private constructor(
    private readonly server: Server,
    readonly issuer: string,
  ) {}

  /** Begins to listen, on a port that is free or the one where it was before. It answers once it has a client. */
  static async start(port = 0): Promise<TestIdentityProvider> {
    const server = createServer();
    server.listen(port, '127.0.0.1');
    await once(server, 'listening');
    return new TestIdentityProvider(server, `http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  }

  /** Takes the client, which has people sent back to this address. */
  register(callbackUrl: string): void {
    this.callbackUrl = callbackUrl;
    this.server.on('request', this.handler());
  }

  async close(): Promise<void> {
    this.server.closeAllConnections();
    this.server.close();
    await once(this.server, 'close');
  }

  /** Goes with a browser of its own from an address there to where it is sent back to. */
  async visit(address: string): Promise<string> {
    const cookies = new Map<string, string>();
    let at = address;
    for (let steps = 0; !at.startsWith(this.callbackUrl); steps += 1) {
      const cookie = [...cookies].map(([name, value]) => `${name}=${value}`).join('; ');
      const answer = await fetch(at, { redirect: 'manual', headers: { cookie } });
      const location = answer.headers.get('location');
      if (location === null || steps > 10) throw new Error(`${at}: ${answer.status} ${await answer.text()}`);
      for (const line of answer.headers.getSetCookie()) {
        const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(line) ?? [];
        cookies.set(name, value);
      }
      at = new URL(location, at).href;
    }
    return at;
  }

  private handler() {
    const { clientId, clientSecret } = this.client;
    const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
    // It warns that it keeps all in memory, which is where a test's belongs.
    const { warn } = console;
    console.warn = () => undefined;
    const provider: Provider = new Provider(this.issuer, {
      clients: [{ client_id: clientId, client_secret: clientSecret, redirect_uris: [this.callbackUrl] }],
      cookies: { keys: ['signs the cookies of the provider'] },
      jwks: { keys: [{ ...privateKey.export({ format: 'jwk' }), use: 'sig' }] },
      claims: { openid: ['sub'], email: ['email', 'email_verified'], profile: ['name'] },
      features: { devInteractions: { enabled: false } },
      findAccount: (_context, id) => ({ accountId: id, claims: () => ({ sub: id, ...this.people.get(id) }) }),
      interactions: { url: () => '/door' },
      // Nobody is asked what Muster may know.
      loadExistingGrant: async ({ oidc }) => {
        const grant = new provider.Grant({ clientId, accountId: oidc.session!.accountId! });
        grant.addOIDCScope('openid email profile');
        await grant.save();
        return grant;
      },
      ttl: { AccessToken: 60, Grant: 60, IdToken: 60, Interaction: 60, Session: 60 },
    });
    console.warn = warn;
    const answer = provider.callback();
    return (req: IncomingMessage, res: ServerResponse) => {
      if (req.url !== '/door') return void answer(req, res);
      const { visitor } = this;
      const outcome = visitor === null ? { error: 'access_denied' } : { login: { accountId: visitor } };
      return void provider.interactionFinished(req, res, outcome);
    };
  }
}
