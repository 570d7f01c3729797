import {
  tokenKind,
  type Invitation,
  type InvitationAcceptance,
  type InvitationCreated,
  type InvitationOffer,
  type InvitationRequest,
  type Page,
  type PageQuery,
  type Session,
} from '@muster/contracts';
import { transact, type Database, type Prisma } from '@muster/db';
import { hashPassword } from 'better-auth/crypto';
import type { Caller, OperatorIdentity } from '../identity/index.js';
import { paginate } from '../../lib/paginate.js';
import { hashToken, issueToken } from '../../lib/tokens.js';
import { ConflictError, NotFoundError, TokenInvalidError } from '../../errors.js';
import { auditedWrite } from '../audit/index.js';
import { lockOperator } from './credentials.js';
import { addMember, normalizeEmail } from './add-member.js';
import type { SessionService, WithCookies } from './sign-in.js';

/** Lifetime of an invitation link in milliseconds. */
const INVITATION_MS = 7 * 86_400_000;

export interface InvitationService {
  /**
   * Creates an invitation, which replaces any open invitation for the same address. Only this result contains the link.
   * @throws ConflictError if the address belongs to a member.
   */
  create(operator: OperatorIdentity, request: InvitationRequest): Promise<InvitationCreated>;

  /** Lists the organization's open invitations, newest first. */
  list(operator: OperatorIdentity, query: PageQuery): Promise<Page<Invitation>>;

  /**
   * Revokes an invitation.
   * @throws NotFoundError if the organization has no such invitation.
   */
  revoke(operator: OperatorIdentity, id: string): Promise<void>;

  /**
   * Returns the organization, role and address of an invitation link.
   * @throws TokenInvalidError if the invitation was used or revoked, or has expired.
   */
  offer(token: string): Promise<InvitationOffer>;

  /**
   * Creates the invited member and signs them in. A link can be used once.
   * @throws TokenInvalidError if the invitation was used or revoked, or has expired.
   * @throws ConflictError if the address belongs to a member by now.
   */
  accept(caller: Caller, acceptance: InvitationAcceptance): Promise<WithCookies<Session>>;
}

export interface InvitationServiceOptions {
  sessions: Pick<SessionService, 'signIn'>;
  publicUrl: string;
  now: () => Date;
}

export function createInvitationService(
  db: Database,
  { sessions, publicUrl, now }: InvitationServiceOptions,
): InvitationService {
  /** @throws TokenInvalidError if the token is unknown or expired. */
  async function find(tx: Pick<Prisma.TransactionClient, 'invitation'>, token: string) {
    const invitation =
      tokenKind(token) === 'invite'
        ? await tx.invitation.findUnique({ where: { hash: hashToken(token) }, include: { organization: true } })
        : null;
    if (invitation !== null && invitation.expiresAt > now()) return invitation;
    throw new TokenInvalidError('This invitation is invalid or has expired. Ask for a new one.');
  }

  return {
    async create(operator, { email: sentEmail, role }) {
      const { organizationId, actor } = operator;
      const at = now();
      const email = normalizeEmail(sentEmail);
      const { token, hash } = issueToken('invite');
      return auditedWrite(db, operator, at, async (tx, record) => {
        await lockOperator(tx, operator);
        if ((await tx.member.count({ where: { organizationId, user: { email } } })) > 0) {
          throw new ConflictError('A member with this email address already exists.');
        }
        // Because of the unique key, concurrent requests for one address replace the same row.
        const values = {
          hash,
          role,
          createdAt: at,
          expiresAt: new Date(at.getTime() + INVITATION_MS),
          createdBy: actor,
        };
        const created = await tx.invitation.upsert({
          where: { organizationId_email: { organizationId, email } },
          create: { organizationId, email, ...values },
          update: values,
        });
        await record('invitation.created', `invitation:${created.id}`, { email, role });
        // Browsers do not send the part after #, so no server or proxy logs it.
        return { ...toInvitation(created), url: `${publicUrl}/invitation#token=${token}` };
      });
    },

    async list({ organizationId }, query) {
      const openFilter = { organizationId, expiresAt: { gt: now() } };
      const { items, nextCursor } = await paginate(query, ({ where, ...page }) =>
        db.prisma.invitation.findMany({ where: { ...openFilter, ...where }, ...page }),
      );
      return { items: items.map(toInvitation), nextCursor };
    },

    async revoke(operator, id) {
      const { organizationId } = operator;
      await auditedWrite(db, operator, now(), async (tx, record) => {
        const existing = await tx.invitation.findFirst({ where: { id, organizationId } });
        if (existing === null) throw new NotFoundError('invitation');
        const { count } = await tx.invitation.deleteMany({ where: { id, organizationId } });
        if (count === 0) throw new NotFoundError('invitation');
        const { email, role } = existing;
        await record('invitation.revoked', `invitation:${id}`, { email, role });
      });
    },

    async offer(token) {
      const { email, organization, role } = await find(db.prisma, token);
      return { email, organization: organization.name, role };
    },

    async accept(caller, { token, name, password }) {
      // Check the token first, because hashing the password is expensive. Check the token again under the lock.
      const { id, email } = await find(db.prisma, token);
      const passwordHash = await hashPassword(password);
      const at = now();
      await transact(db, async (tx) => {
        // Of two concurrent requests, the second waits here and then finds no invitation.
        await tx.$queryRaw`SELECT id FROM invitations WHERE id = ${id}::uuid FOR UPDATE`;
        const { organizationId, role } = await find(tx, token);
        await tx.invitation.delete({ where: { id } });
        await addMember(tx, { organizationId, role, name, email, credential: { passwordHash } }, at);
      });
      return sessions.signIn(caller, { email, password });
    },
  };
}

const toInvitation = ({ id, email, role, createdAt, expiresAt }: Prisma.InvitationGetPayload<object>): Invitation => ({
  id,
  email,
  role,
  createdAt: createdAt.toISOString(),
  expiresAt: expiresAt.toISOString(),
});
