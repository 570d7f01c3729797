import type { Session, SetupRequest } from '@muster/contracts';
import { transact, type Database } from '@muster/db';
import { hashPassword } from 'better-auth/crypto';
import type { Caller } from '../identity/index.js';
import { TokenInvalidError } from '../../errors.js';
import { lockFirstOrganization } from './first-organization.js';
import { addMember } from './add-member.js';
import type { SessionService, WithCookies } from './sessions.js';
import type { SetupTokens } from './setup-tokens.js';

export interface SetupService {
  /** Returns whether there is no user yet. */
  isRequired(): Promise<boolean>;

  /**
   * Creates the first user as owner of the first organization, and signs them in.
   * @throws TokenInvalidError if the token is unknown or expired, or if there is a user already.
   */
  setUp(caller: Caller, request: SetupRequest): Promise<WithCookies<Session>>;
}

export interface SetupServiceParts {
  sessions: Pick<SessionService, 'signIn'>;
  setupTokens: Pick<SetupTokens, 'isValid'>;
  now: () => Date;
}

const invalid = () => new TokenInvalidError('This setup link is invalid or has expired. Restart Muster for a new one.');

export function createSetupService(db: Database, { sessions, setupTokens, now }: SetupServiceParts): SetupService {
  return {
    isRequired: async () => (await db.prisma.user.findFirst({ select: { id: true } })) === null,

    async setUp(caller, { token, name, email, password }) {
      // Checked before hashing a password, which is expensive, and again under the lock.
      if (!(await setupTokens.isValid(db.prisma, token))) throw invalid();
      const passwordHash = await hashPassword(password);
      const at = now();
      await transact(db, async (tx) => {
        const organizationId = await lockFirstOrganization(tx, at);
        if (!(await setupTokens.isValid(tx, token))) throw invalid();
        await tx.setupToken.deleteMany();
        await addMember(tx, { organizationId, role: 'owner', name, email, credential: { passwordHash } }, at);
      });
      return sessions.signIn(caller, { email, password });
    },
  };
}
