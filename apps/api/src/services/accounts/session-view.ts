import type { Session } from '@muster/contracts';
import type { Database } from '@muster/db';
import type { OperatorIdentity } from '../identity/index.js';

/**
 * Creates a function that describes an operator. `expiresAt` is when a user's session expires; an API key has its own
 * expiry.
 */
export const createSessionView =
  ({ prisma }: Pick<Database, 'prisma'>) =>
  async (operator: OperatorIdentity, expiresAt: Date | null): Promise<Session> => {
    const { organizationId, actor, role } = operator;
    const organization = await prisma.organization.findUniqueOrThrow({
      where: { id: organizationId },
      select: { id: true, name: true },
    });
    const [kind, id] = actor.split(':') as ['api_key' | 'user', string];
    if (kind === 'user') {
      const user = await prisma.user.findUniqueOrThrow({
        where: { id },
        select: { id: true, name: true, email: true },
      });
      return { user, apiKey: null, organization, role, expiresAt: expiresAt?.toISOString() ?? null };
    }
    const key = await prisma.apiKey.findUniqueOrThrow({ where: { id } });
    const apiKey = { id: key.id, name: key.name };
    return { user: null, apiKey, organization, role, expiresAt: key.expiresAt?.toISOString() ?? null };
  };
