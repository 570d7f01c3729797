import type { Database } from '@muster/db';
import { randomBytes } from 'node:crypto';

const SECRET_BYTES = 32;

/**
 * What signs cookies where nothing was set for it: made by the first process that asks, and kept in the database, so
 * that all processes on it have the same. By itself it lets nobody in: a cookie must also name a session, which is
 * kept by its hash.
 */
export async function keptSecret({ prisma }: Database): Promise<string> {
  const value = randomBytes(SECRET_BYTES).toString('base64url');
  await prisma.$executeRaw`INSERT INTO service_secrets (id, value) VALUES (1, ${value}) ON CONFLICT DO NOTHING`;
  return (await prisma.serviceSecret.findUniqueOrThrow({ where: { id: 1 } })).value;
}
