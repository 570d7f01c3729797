import type { Database } from '@muster/db';
import { randomBytes } from 'node:crypto';

const SECRET_BYTES = 32;

/**
 * Returns the secret that signs cookies if none is configured. The first process that calls this creates it and stores
 * it in the database, so that all processes share it. The secret alone grants no access: a cookie must also name a
 * session, which is stored as a hash.
 */
export async function loadCookieSecret({ prisma }: Database): Promise<string> {
  const value = randomBytes(SECRET_BYTES).toString('base64url');
  await prisma.$executeRaw`INSERT INTO service_secrets (id, value) VALUES (1, ${value}) ON CONFLICT DO NOTHING`;
  return (await prisma.serviceSecret.findUniqueOrThrow({ where: { id: 1 } })).value;
}
