import { SAME_ORIGIN_PATH_PATTERN } from '@muster/contracts';
import { parseCookies } from 'better-auth/cookies';
import type { Logger } from 'pino';
import type { Caller } from '../identity/index.js';
import { CredentialsInvalidError } from '../../errors.js';
import type { FailedSignIns } from './failed-sign-ins.js';
import { NotVouchedError, type IdentityProvider, type Refusal, type VouchedPerson } from './identity-provider.js';
import type { SessionService } from './sessions.js';
import type { SignInLimit } from './sign-in-limit.js';

/** A redirect of the browser, with the `Set-Cookie` values to send. */
export interface Onward {
  location: string;
  cookies: string[];
}

/**
 * Signs users in with an identity provider. Every failure of the provider redirects to the sign-in page, which shows
 * the reason.
 */
export interface VouchedSignInService {
  /**
   * Redirects a browser to the provider. After the sign-in, the browser is redirected to `next`, a path of this server.
   * @throws RateLimitedError after too many attempts.
   */
  start(caller: Caller, next: string): Promise<Onward>;

  /**
   * Signs in the user whom the provider redirected back. `query` is the URL's query, including its `?`.
   * @throws RateLimitedError after too many attempts.
   */
  finish(caller: Caller, query: string): Promise<Onward>;
}

export interface VouchedSignInParts {
  provider: IdentityProvider;
  /** Returns the user's id for a person who may sign in, or null. */
  userOf: (person: VouchedPerson) => Promise<string | null>;
  sessions: Pick<SessionService, 'signInVouched'>;
  limit: SignInLimit;
  failures: FailedSignIns;
  publicUrl: string;
  logger: Logger;
}

const OWN_PATH = new RegExp(SAME_ORIGIN_PATH_PATTERN);

/** Seconds that a user may take to sign in at the provider. */
const ATTEMPT_SECONDS = 600;

export function createVouchedSignIn(parts: VouchedSignInParts): VouchedSignInService {
  const { provider, userOf, sessions, limit, failures, publicUrl, logger } = parts;
  const isHttps = publicUrl.startsWith('https:');
  const cookieName = isHttps ? '__Host-muster_oidc' : 'muster_oidc';

  // The cookie ties the attempt to the browser that started it: an attacker cannot make another person's browser
  // complete the attacker's own attempt.
  const attemptCookie = (value: string, seconds: number): string =>
    `${cookieName}=${value}; Max-Age=${seconds}; Path=/; HttpOnly; ${isHttps ? 'Secure; ' : ''}SameSite=Lax`;

  function attemptOf({ cookie = '' }: Caller): { attempt: string; next: string } | null {
    const [attempt, encoded = ''] = parseCookies(cookie).get(cookieName)?.split('.') ?? [];
    const next = Buffer.from(encoded, 'base64url').toString();
    return attempt === undefined || !OWN_PATH.test(next) ? null : { attempt, next };
  }

  /** Returns the sign-in page with the reason of a failure. Logs the failure without the data sent to the provider. */
  function turnBack(error: unknown, next: string): string {
    if (error instanceof NotVouchedError) {
      const { code, message } = error.cause as { code?: unknown; message: string };
      const { refusal } = error;
      logger[refusal === 'unavailable' ? 'warn' : 'info']({ refusal, code, detail: message }, 'OIDC sign-in failed');
      return signInPage(refusal, next);
    }
    if (error instanceof CredentialsInvalidError) return signInPage('unknown', next);
    throw error;
  }

  return {
    async start({ address }, next) {
      limit.take(address);
      const attempt = provider.begin();
      try {
        const location = await provider.addressOf(attempt);
        const value = `${attempt}.${Buffer.from(next).toString('base64url')}`;
        return { location, cookies: [attemptCookie(value, ATTEMPT_SECONDS)] };
      } catch (error) {
        return { location: turnBack(error, next), cookies: [] };
      }
    },

    async finish(caller, query) {
      limit.take(caller.address);
      const found = attemptOf(caller);
      const used = attemptCookie('', 0);
      try {
        if (found === null) throw new NotVouchedError('mismatched', new Error('this browser started no sign-in'));
        const userId = await userOf(await provider.redeem(found.attempt, query));
        if (userId === null) {
          await failures.record({ account: null, address: caller.address, method: 'identity provider' });
          throw new CredentialsInvalidError();
        }
        return { location: found.next, cookies: [used, ...(await sessions.signInVouched(caller, userId))] };
      } catch (error) {
        return { location: turnBack(error, found?.next ?? '/'), cookies: [used] };
      }
    },
  };
}

const signInPage = (why: Refusal | 'unknown', next: string): string =>
  `/sign-in?${new URLSearchParams({ why: `oidc-${why}`, next }).toString()}`;
