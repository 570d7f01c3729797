import { SAME_ORIGIN_PATH_PATTERN, type OidcFailure, type OidcRefusal } from '@muster/contracts';
import { parseCookies } from 'better-auth/cookies';
import type { Logger } from 'pino';
import { basePathOf, cookieSuffixOf } from '../../lib/base-path.js';
import type { Caller } from '../identity/index.js';
import { CredentialsInvalidError } from '../../errors.js';
import type { FailedSignIns } from './failed-sign-ins.js';
import { describeFailure, OidcSignInError, type IdentityProvider, type ExternalUser } from './identity-provider.js';
import type { OidcDecision } from './oidc-users.js';
import type { SessionService } from './sign-in.js';
import type { SignInLimit } from './sign-in-limit.js';

/** A redirect for the browser, and the `Set-Cookie` values to send with it. */
export interface Redirect {
  location: string;
  cookies: string[];
}

/**
 * Signs users in with an identity provider. If the sign-in fails or is refused, the browser is redirected to the
 * sign-in page, which shows the reason.
 */
export interface OidcSignInService {
  /**
   * Redirects a browser to the provider. After the sign-in, the browser is redirected to `next`, a path below the
   * public URL.
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
  /** Decides whether a person may sign in, and as which user. */
  findUser: (person: ExternalUser) => Promise<OidcDecision>;
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
  const basePath = basePathOf(publicUrl);
  const cookieName = `${isHttps ? '__Host-muster_oidc' : 'muster_oidc'}${cookieSuffixOf(publicUrl)}`;
  const signInPageUrl = (why: OidcFailure | OidcRefusal, next: string): string =>
    `${basePath}/sign-in?${new URLSearchParams({ why: `oidc-${why}`, next }).toString()}`;

  // The cookie binds the attempt to the browser that started it. An attacker therefore cannot make another person's
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
      const { failure } = error;
      logger[failure === 'unavailable' ? 'warn' : 'info'](
        { refusal: failure, ...describeFailure(error) },
        'OIDC sign-in failed',
      );
      return signInPageUrl(failure, next);
    }
    // The person was removed during the sign-in.
    if (error instanceof CredentialsInvalidError) return signInPageUrl('removed', next);
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
        const { attempt, next } = attemptInProgress;
        const person = await provider.exchangeCode(attempt, query);
        const decision = await findUser(person);
        // The log contains the provider's id for the person, from which the operator can identify the person. The log
        // does not contain the email address.
        const { subject } = person;
        if ('refusal' in decision) {
          const { refusal, reason, userId } = decision;
          logger.info({ refusal, subject, userId, reason }, 'OIDC sign-in refused');
          const account = userId === null ? null : { userId };
          await failures.record({ account, address: caller.address, method: 'identity provider' });
          return { location: signInPageUrl(refusal, next), cookies: [clearedCookie] };
        }
        const { userId, warning } = decision;
        if (warning !== null) logger.warn({ subject, userId }, `OIDC sign-in: ${warning}`);
        return {
          location: basePath + next,
          cookies: [clearedCookie, ...(await sessions.signInOidcUser(caller, userId))],
        };
      } catch (error) {
        return { location: failureLocation(error, attemptInProgress?.next ?? '/'), cookies: [clearedCookie] };
      }
    },
  };
}
