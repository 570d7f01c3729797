import { SAME_ORIGIN_PATH_PATTERN } from '@muster/contracts';
import { parseCookies } from 'better-auth/cookies';
import type { Logger } from 'pino';
import type { Caller } from '../identity/index.js';
import { CredentialsInvalidError } from '../../errors.js';
import type { FailedSignIns } from './failed-sign-ins.js';
import { OidcSignInError, type IdentityProvider, type OidcFailure, type ExternalUser } from './identity-provider.js';
import type { SessionService } from './sign-in.js';
import type { SignInLimit } from './sign-in-limit.js';

/** A redirect for the browser, and the `Set-Cookie` values to send with it. */
export interface Redirect {
  location: string;
  cookies: string[];
}

/**
 * Signs users in with an identity provider. If the provider fails, or if the provider or Muster refuses the user, the
 * browser is redirected to the sign-in page, which shows the reason.
 */
export interface OidcSignInService {
  /**
   * Redirects a browser to the provider. After the sign-in, the browser is redirected to `next`, a path of this server.
   * @throws RateLimitedError after too many attempts.
   */
  start(caller: Caller, next: string): Promise<Redirect>;

  /**
   * Signs in the user whom the provider redirected back. `query` is the query of the redirect URL, including its `?`.
   * @throws RateLimitedError after too many attempts.
   */
  finish(caller: Caller, query: string): Promise<Redirect>;
}

export interface OidcSignInOptions {
  provider: IdentityProvider;
  /** Returns the user id of a person who may sign in; null for any other person. */
  findUser: (person: ExternalUser) => Promise<string | null>;
  sessions: Pick<SessionService, 'signInOidcUser'>;
  limit: SignInLimit;
  failures: FailedSignIns;
  publicUrl: string;
  logger: Logger;
}

const SAME_ORIGIN_PATH = new RegExp(SAME_ORIGIN_PATH_PATTERN);

/** Maximum seconds that a user may take to sign in at the provider. */
const ATTEMPT_SECONDS = 600;

export function createOidcSignIn(options: OidcSignInOptions): OidcSignInService {
  const { provider, findUser, sessions, limit, failures, publicUrl, logger } = options;
  const isHttps = publicUrl.startsWith('https:');
  const cookieName = isHttps ? '__Host-muster_oidc' : 'muster_oidc';

  // The cookie binds the attempt to the browser that started it, so that an attacker cannot make another person's
  // browser complete the attacker's attempt.
  const attemptCookie = (value: string, seconds: number): string =>
    `${cookieName}=${value}; Max-Age=${seconds}; Path=/; HttpOnly; ${isHttps ? 'Secure; ' : ''}SameSite=Lax`;

  function readAttempt({ cookie = '' }: Caller): { attempt: string; next: string } | null {
    const [attempt, encoded = ''] = parseCookies(cookie).get(cookieName)?.split('.') ?? [];
    const next = Buffer.from(encoded, 'base64url').toString();
    return attempt === undefined || !SAME_ORIGIN_PATH.test(next) ? null : { attempt, next };
  }

  /**
   * Returns the URL of the sign-in page with the reason of a failure. Logs the failure, but no data that was sent to
   * the provider.
   */
  function failureLocation(error: unknown, next: string): string {
    if (error instanceof OidcSignInError) {
      const { code, message } = error.cause as { code?: unknown; message: string };
      const { failure } = error;
      logger[failure === 'unavailable' ? 'warn' : 'info'](
        { refusal: failure, code, detail: message },
        'OIDC sign-in failed',
      );
      return signInPageUrl(failure, next);
    }
    if (error instanceof CredentialsInvalidError) return signInPageUrl('unknown', next);
    throw error;
  }

  return {
    async start({ address }, next) {
      limit.take(address);
      const attempt = provider.createAttempt();
      try {
        const location = await provider.authorizationUrl(attempt);
        const value = `${attempt}.${Buffer.from(next).toString('base64url')}`;
        return { location, cookies: [attemptCookie(value, ATTEMPT_SECONDS)] };
      } catch (error) {
        return { location: failureLocation(error, next), cookies: [] };
      }
    },

    async finish(caller, query) {
      limit.take(caller.address);
      const attemptInProgress = readAttempt(caller);
      const clearedCookie = attemptCookie('', 0);
      try {
        if (attemptInProgress === null)
          throw new OidcSignInError('mismatched', new Error('this browser did not start a sign-in'));
        const userId = await findUser(await provider.exchangeCode(attemptInProgress.attempt, query));
        if (userId === null) {
          await failures.record({ account: null, address: caller.address, method: 'identity provider' });
          throw new CredentialsInvalidError();
        }
        return {
          location: attemptInProgress.next,
          cookies: [clearedCookie, ...(await sessions.signInOidcUser(caller, userId))],
        };
      } catch (error) {
        return { location: failureLocation(error, attemptInProgress?.next ?? '/'), cookies: [clearedCookie] };
      }
    },
  };
}

const signInPageUrl = (why: OidcFailure | 'unknown', next: string): string =>
  `/sign-in?${new URLSearchParams({ why: `oidc-${why}`, next }).toString()}`;
