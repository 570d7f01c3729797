import { SetupRequest, type OidcFailure } from '@muster/contracts';
import * as client from 'openid-client';
import { createHmac, randomBytes } from 'node:crypto';
import type { ExternalIdentity } from './add-member.js';
import { isStated, mergeClaims, readClaim, readGroups, readVerification, type Groups } from './oidc-claims.js';

/** An OpenID Connect provider, and this installation's client registration there. */
export interface IdentityProviderOptions {
  issuer: string;
  clientId: string;
  clientSecret: string;
  /** The claim with the user's groups or roles; null if they are not read. */
  roleClaim: string | null;
  /** The URL to which the provider redirects browsers. */
  callbackUrl: string;
  /**
   * The key from which the values of a sign-in attempt are derived. All processes on one database need the same key,
   * because one process may complete an attempt that another started.
   */
  secret: string;
}

/** A user as authenticated by the provider. */
export interface ExternalUser extends ExternalIdentity {
  /** Null if the provider sends no name that is valid here. */
  name: string | null;
  /** Null if the provider sends no email address that is valid here. */
  email: string | null;
  /** Whether the provider has verified the address; null if the provider does not state this. */
  isEmailVerified: boolean | null;
  /** The user's groups; `absent` if groups are not read. */
  groups: Groups;
}

export class OidcSignInError extends Error {
  constructor(
    readonly failure: OidcFailure,
    cause: unknown,
  ) {
    super(`OIDC sign-in failed: ${failure}`, { cause });
    this.name = 'OidcSignInError';
  }
}

export interface IdentityProvider {
  /**
   * Returns the secret of a new sign-in attempt. The caller stores the secret in the browser that starts the attempt.
   */
  createAttempt(): string;

  /**
   * Returns the provider's URL to which the browser is redirected for an attempt.
   * @throws OidcSignInError if the provider is unavailable.
   */
  authorizationUrl(attempt: string): Promise<string>;

  /**
   * Returns the user whom the provider redirected back. `query` is the query of the redirect URL, including its `?`.
   * @throws OidcSignInError if the sign-in failed.
   */
  exchangeCode(attempt: string, query: string): Promise<ExternalUser>;
}

/**
 * The provider's claims must satisfy the same rules as a name and an address that a user enters in a form. At the
 * provider, users may choose a name of any length. Conversion to lower case turns some non-ASCII characters into ASCII
 * letters. Without these rules, an address could therefore become another user's address.
 */
const { name: NameClaim, email: EmailClaim } = SetupRequest.shape;

const ATTEMPT_BYTES = 32;
const TIMEOUT_SECONDS = 5;

/**
 * Signs users in with the authorization code flow with PKCE, `state` and `nonce`. All three are derived from the secret
 * of the attempt. The server therefore stores nothing for an attempt, and the URLs that the browser shows do not reveal
 * the secret.
 */
export function createIdentityProvider(options: IdentityProviderOptions): IdentityProvider {
  const { issuer, roleClaim, callbackUrl, secret } = options;
  let discovered: Promise<client.Configuration> | undefined;

  /** Returns the provider's metadata. The metadata is fetched once; if that fails, the next call fetches it again. */
  async function configuration(): Promise<client.Configuration> {
    discovered ??= discover(options);
    try {
      return await discovered;
    } catch (error) {
      discovered = undefined;
      throw new OidcSignInError('unavailable', error);
    }
  }

  const derive = (attempt: string, use: 'state' | 'nonce' | 'verifier'): string =>
    createHmac('sha256', secret).update(`oidc ${use} ${attempt}`).digest('base64url');

  return {
    createAttempt: () => randomBytes(ATTEMPT_BYTES).toString('base64url'),

    async authorizationUrl(attempt) {
      const config = await configuration();
      return client.buildAuthorizationUrl(config, {
        redirect_uri: callbackUrl,
        scope: ['openid email profile', ...roleScopes(roleClaim, config.serverMetadata())].join(' '),
        state: derive(attempt, 'state'),
        nonce: derive(attempt, 'nonce'),
        code_challenge: await client.calculatePKCECodeChallenge(derive(attempt, 'verifier')),
        code_challenge_method: 'S256',
      }).href;
    },

    async exchangeCode(attempt, query) {
      const config = await configuration();
      try {
        const tokens = await client.authorizationCodeGrant(config, new URL(query, callbackUrl), {
          pkceCodeVerifier: derive(attempt, 'verifier'),
          expectedState: derive(attempt, 'state'),
          expectedNonce: derive(attempt, 'nonce'),
          idTokenExpected: true,
        });
        // The claims are always set because of `idTokenExpected`.
        const idToken = tokens.claims()!;
        const { sub: subject } = idToken;
        const isComplete = ['email', 'email_verified', ...(roleClaim === null ? [] : [roleClaim])].every((name) =>
          isStated(readClaim(idToken, name)),
        );
        const userInfo =
          isComplete || config.serverMetadata().userinfo_endpoint === undefined
            ? {}
            : await client.fetchUserInfo(config, tokens.access_token, subject);
        const claims = mergeClaims(idToken, userInfo);
        return {
          issuer,
          subject,
          name: NameClaim.safeParse(claims['name']).data ?? null,
          email: EmailClaim.safeParse(claims['email']).data ?? null,
          isEmailVerified: readVerification(idToken, userInfo),
          groups: roleClaim === null ? 'absent' : readGroups([idToken, userInfo], roleClaim),
        };
      } catch (error) {
        throw new OidcSignInError(toFailure(error), error);
      }
    },
  };
}

/**
 * Returns the scope with the name of the role claim, if the provider has this scope. Some providers send groups only
 * for this scope, and others refuse a request with a scope that they do not have.
 */
const roleScopes = (roleClaim: string | null, { scopes_supported: supported = [] }: client.ServerMetadata): string[] =>
  supported.filter((scope) => scope === roleClaim);

function discover({ issuer, clientId, clientSecret }: IdentityProviderOptions): Promise<client.Configuration> {
  const headerAuthentication = client.ClientSecretBasic(clientSecret);
  const bodyAuthentication = client.ClientSecretPost(clientSecret);
  const server = new URL(issuer);
  return client.discovery(
    server,
    clientId,
    undefined,
    // A provider supports client_secret_basic unless the provider's metadata excludes this method.
    (as, ...rest) =>
      (as.token_endpoint_auth_methods_supported?.includes('client_secret_basic') === false
        ? bodyAuthentication
        : headerAuthentication)(as, ...rest),
    {
      timeout: TIMEOUT_SECONDS,
      execute: [
        client.enableNonRepudiationChecks,
        // eslint-disable-next-line @typescript-eslint/no-deprecated -- deprecated only as a warning; env.ts allows http only for this machine
        ...(server.protocol === 'http:' ? [client.allowInsecureRequests] : []),
      ],
    },
  );
}

const CODE_CHARS_MAX = 100;

/**
 * Returns what is logged about a failed sign-in: the error code of openid-client, the provider's error code (RFC 6749),
 * and the code of the cause, such as a network error. Missing codes are left out.
 */
export function describeFailure({ cause }: OidcSignInError): Record<string, unknown> {
  const { code, error, message } = cause as { code?: unknown; error?: unknown; message: string };
  const providerError = cause instanceof client.WWWAuthenticateChallengeError ? challengeError(cause) : error;
  return { code, providerError: shorten(providerError), causeCode: shorten(innermostCode(cause)), detail: message };
}

/** Truncates a text, because the provider chooses some of the texts. */
const shorten = (text: unknown): string | undefined =>
  typeof text === 'string' ? text.slice(0, CODE_CHARS_MAX) : undefined;

/** Returns the code of the innermost cause that has a code. */
function innermostCode(error: unknown): unknown {
  let code: unknown;
  for (let cause = (error as Error).cause; typeof cause === 'object' && cause !== null;) {
    const inner = cause as { code?: unknown; cause?: unknown };
    code = inner.code ?? code;
    cause = inner.cause;
  }
  return code;
}

/**
 * If the client secret in the Authorization header is wrong, the provider responds with a challenge, which may contain
 * an error code.
 */
const challengeError = ({ cause }: client.WWWAuthenticateChallengeError): string | undefined =>
  cause.map(({ parameters }) => parameters.error).find((error) => error !== undefined);

function toFailure(error: unknown): OidcFailure {
  if (error instanceof client.AuthorizationResponseError) return 'refused';
  // `invalid_grant` means that the code was used, has expired, or belongs to another attempt, so a new attempt can
  // succeed. After other errors, such as `invalid_client` for a wrong client secret, a new attempt fails as well.
  if (error instanceof client.ResponseBodyError) return error.error === 'invalid_grant' ? 'mismatched' : 'unavailable';
  const { code } = error as { code?: string };
  return code === 'OAUTH_INVALID_RESPONSE' || code === 'OAUTH_JWT_CLAIM_COMPARISON_FAILED'
    ? 'mismatched'
    : 'unavailable';
}
