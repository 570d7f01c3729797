import type { Prisma } from '@muster/db';

/** The organization of a new installation. */
const FIRST_ORGANIZATION = { id: 'default', name: 'Default', slug: 'default' };

/**
 * Returns the first organization's id, and creates the organization if it is missing. Locks its row until the
 * transaction ends, so that concurrent processes set up one after another.
 */
export async function lockFirstOrganization(tx: Prisma.TransactionClient, at: Date): Promise<string> {
  const { id, name, slug } = FIRST_ORGANIZATION;
  await tx.$executeRaw`
    INSERT INTO organizations (id, name, slug, "createdAt") VALUES (${id}, ${name}, ${slug}, ${at})
    ON CONFLICT DO NOTHING`;
  await tx.$queryRaw`SELECT id FROM organizations WHERE id = ${id} FOR NO KEY UPDATE`;
  return id;
}
