import type { Prisma } from '@muster/db';

/** The organization that a fresh installation starts with. */
const FIRST_ORGANIZATION = { id: 'default', name: 'Default', slug: 'default' };

/**
 * The first organization's id; it is made where it is missing. Holds its row until the transaction ends, so that of
 * processes that set up the same thing at once one goes first.
 */
export async function lockFirstOrganization(tx: Prisma.TransactionClient, at: Date): Promise<string> {
  const { id, name, slug } = FIRST_ORGANIZATION;
  await tx.$executeRaw`
    INSERT INTO organizations (id, name, slug, "createdAt") VALUES (${id}, ${name}, ${slug}, ${at})
    ON CONFLICT DO NOTHING`;
  await tx.$queryRaw`SELECT id FROM organizations WHERE id = ${id} FOR NO KEY UPDATE`;
  return id;
}
