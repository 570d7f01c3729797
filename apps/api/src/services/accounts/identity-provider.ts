import { SetupRequest } from '@muster/contracts';
import * as client from 'openid-client';
import { createHmac, randomBytes } from 'node:crypto';
import type { Voucher } from './users.js';

/** An identity provider that speaks OpenID Connect, and what it knows this installation as. */
export interface IdentityProviderOptions {
  issuer: string;
  clientId: string;
  clientSecret: string;
  /** Where it sends browsers back to. */
  callbackUrl: string;
  /** Equal in all processes on one database: a try that began in one may end in another. */
  secret: string;
}

/** A person as the provider vouches for them. */
export interface VouchedPerson extends Voucher {
  /** Null where it tells none that could be one here. */
  name: string | null;
  /** Null where it tells none that could be one here, or does not vouch for it. */
  verifiedEmail: string | null;
}

/** Why nobody was vouched for. */
export type Refusal =
  /** The provider cannot be reached, or answers with what is no answer. */
  | 'unavailable'
  /** The person did not want to, or the provider does not let them. */
  | 'refused'
  /** What came back does not belong to this try. */
  | 'mismatched';

export class NotVouchedError extends Error {
  constructor(
    readonly refusal: Refusal,
    cause: unknown,
  ) {
    super(`the identity provider vouches for nobody: ${refusal}`, { cause });
    this.name = 'NotVouchedError';
  }
}

export interface IdentityProvider {
  /** The secret of a new try, for the browser that makes it. */
  begin(): string;

  /** Where a browser goes with it. @throws NotVouchedError */
  addressOf(attempt: string): Promise<string>;

  /** Who came back, with the query that the provider gave the browser, from its `?` on. @throws NotVouchedError */
  redeem(attempt: string, query: string): Promise<VouchedPerson>;
}

/**
 * A provider's word is held to the limits of what people type: a person may choose their name there, of any length, and
 * some characters of other alphabets become ASCII letters, and so another's address, in lower case.
 */
const { name: NameClaim, email: EmailClaim } = SetupRequest.shape;

const ATTEMPT_BYTES = 32;
const TIMEOUT_SECONDS = 5;

/**
 * Signs people in by the authorization code flow with PKCE, `state` and `nonce`, which are all derived from the secret of
 * the try: nothing of a try is stored, and nothing of it can be guessed from what its browser's addresses show.
 */
export function createIdentityProvider(options: IdentityProviderOptions): IdentityProvider {
  const { issuer, callbackUrl, secret } = options;
  let discovered: Promise<client.Configuration> | undefined;

  /** What the provider says of itself, asked once; again where that failed. */
  async function configuration(): Promise<client.Configuration> {
    discovered ??= discover(options);
    try {
      return await discovered;
    } catch (error) {
      discovered = undefined;
      throw new NotVouchedError('unavailable', error);
    }
  }

  const derived = (attempt: string, use: 'state' | 'nonce' | 'verifier'): string =>
    createHmac('sha256', secret).update(`oidc ${use} ${attempt}`).digest('base64url');

  return {
    begin: () => randomBytes(ATTEMPT_BYTES).toString('base64url'),

    async addressOf(attempt) {
      return client.buildAuthorizationUrl(await configuration(), {
        ...{ redirect_uri: callbackUrl, scope: 'openid email profile' },
        ...{ state: derived(attempt, 'state'), nonce: derived(attempt, 'nonce') },
        code_challenge: await client.calculatePKCECodeChallenge(derived(attempt, 'verifier')),
        code_challenge_method: 'S256',
      }).href;
    },

    async redeem(attempt, query) {
      const config = await configuration();
      try {
        const tokens = await client.authorizationCodeGrant(config, new URL(query, callbackUrl), {
          pkceCodeVerifier: derived(attempt, 'verifier'),
          expectedState: derived(attempt, 'state'),
          expectedNonce: derived(attempt, 'nonce'),
          idTokenExpected: true,
        });
        // Expected, so there is one.
        const claims = tokens.claims()!;
        const { sub: subject } = claims;
        const told = 'email' in claims ? claims : await client.fetchUserInfo(config, tokens.access_token, subject);
        const { name, email, email_verified: isVerified } = told;
        return {
          ...{ issuer, subject },
          name: NameClaim.safeParse(name).data ?? null,
          verifiedEmail: isVerified === true ? (EmailClaim.safeParse(email).data ?? null) : null,
        };
      } catch (error) {
        throw new NotVouchedError(refusalOf(error), error);
      }
    },
  };
}

function discover({ issuer, clientId, clientSecret }: IdentityProviderOptions): Promise<client.Configuration> {
  const byHeader = client.ClientSecretBasic(clientSecret);
  const byBody = client.ClientSecretPost(clientSecret);
  const server = new URL(issuer);
  return client.discovery(
    server,
    clientId,
    undefined,
    // What every provider takes, unless it says that it does not.
    (as, ...rest) =>
      (as.token_endpoint_auth_methods_supported?.includes('client_secret_basic') === false ? byBody : byHeader)(
        as,
        ...rest,
      ),
    {
      timeout: TIMEOUT_SECONDS,
      execute: [
        client.enableNonRepudiationChecks,
        // eslint-disable-next-line @typescript-eslint/no-deprecated -- marked so to stand out; env.ts lets through none but this machine
        ...(server.protocol === 'http:' ? [client.allowInsecureRequests] : []),
      ],
    },
  );
}

function refusalOf(error: unknown): Refusal {
  if (error instanceof client.AuthorizationResponseError) return 'refused';
  // The code was used, is too old, or is another try's.
  if (error instanceof client.ResponseBodyError) return 'mismatched';
  const { code } = error as { code?: string };
  return code === 'OAUTH_INVALID_RESPONSE' || code === 'OAUTH_JWT_CLAIM_COMPARISON_FAILED'
    ? 'mismatched'
    : 'unavailable';
}
