import { OWN_PATH_PATTERN } from '@muster/contracts';
import { parseCookies } from 'better-auth/cookies';
import type { Logger } from 'pino';
import type { Caller } from './caller.js';
import { CredentialsInvalidError } from '../../errors.js';
import type { FailedSignIns } from './failed-sign-ins.js';
import { NotVouchedError, type IdentityProvider, type Refusal, type VouchedPerson } from './identity-provider.js';
import type { SessionService } from './sessions.js';
import type { SignInLimit } from './sign-in-limit.js';

/** Where a browser goes on, and `Set-Cookie` values that it takes along. */
export interface Onward {
  location: string;
  cookies: string[];
}

/** Signing in at an identity provider. Whatever goes wrong there ends on the page for signing in, which says so. */
export interface VouchedSignInService {
  /**
   * Sends a browser to the provider; once signed in, it goes on to `next`, a path here.
   * @throws RateLimitedError after too many tries.
   */
  start(caller: Caller, next: string): Promise<Onward>;

  /**
   * Signs in whoever comes back from there with a query, from its `?` on.
   * @throws RateLimitedError after too many tries.
   */
  finish(caller: Caller, query: string): Promise<Onward>;
}

export interface VouchedSignInParts {
  provider: IdentityProvider;
  /** The user of a person who may come in, or null. */
  userOf: (person: VouchedPerson) => Promise<string | null>;
  sessions: Pick<SessionService, 'signInVouched'>;
  limit: SignInLimit;
  failures: FailedSignIns;
  publicUrl: string;
  logger: Logger;
}

const OWN_PATH = new RegExp(OWN_PATH_PATTERN);

/** How long a person may take at the provider. */
const ATTEMPT_SECONDS = 600;

export function createVouchedSignIn(parts: VouchedSignInParts): VouchedSignInService {
  const { provider, userOf, sessions, limit, failures, publicUrl, logger } = parts;
  const isHttps = publicUrl.startsWith('https:');
  const cookieName = isHttps ? '__Host-muster_oidc' : 'muster_oidc';

  // Its browser has the try's secret: nobody can make another's browser end a try that they began themselves.
  const attemptCookie = (value: string, seconds: number): string =>
    `${cookieName}=${value}; Max-Age=${seconds}; Path=/; HttpOnly; ${isHttps ? 'Secure; ' : ''}SameSite=Lax`;

  function attemptOf({ cookie = '' }: Caller): { attempt: string; next: string } | null {
    const [attempt, encoded = ''] = parseCookies(cookie).get(cookieName)?.split('.') ?? [];
    const next = Buffer.from(encoded, 'base64url').toString();
    return attempt === undefined || !OWN_PATH.test(next) ? null : { attempt, next };
  }

  /** Back to the page for signing in, which knows why. What went wrong is logged, without what the provider was told. */
  function turnBack(error: unknown, next: string): string {
    if (error instanceof NotVouchedError) {
      const { code, message } = error.cause as { code?: unknown; message: string };
      const { refusal } = error;
      logger[refusal === 'unavailable' ? 'warn' : 'info']({ refusal, code, detail: message }, 'nobody was vouched for');
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
        if (found === null) throw new NotVouchedError('mismatched', new Error('this browser has begun nothing'));
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
