import { PGlite } from '@electric-sql/pglite';
import { PrismaPg } from '@prisma/adapter-pg';
import { readFileSync, readdirSync } from 'node:fs';
import { createEmbeddedPool } from './embedded-pool.js';
import { Prisma, PrismaClient } from './generated/prisma/client.js';
export { Prisma };
export type TestEngine = 'pglite';
export const testEngines = () => ['pglite'] as TestEngine[];
export const isUnavailable = (_e: unknown) => false;
export async function createTestDatabase(_e: TestEngine) {
  const pg = new PGlite();
  const dir = '/work/main/packages/db/prisma/migrations';
  for (const d of readdirSync(dir).sort()) if (!d.endsWith('.toml')) await pg.exec(readFileSync(`${dir}/${d}/migration.sql`, 'utf8'));
  const pool = createEmbeddedPool(pg);
  const prisma = new PrismaClient({ adapter: new PrismaPg(pool) });
  return { prisma, engine: 'pglite' as const, ping: async () => { await prisma.$queryRaw`SELECT 1`; }, close: async () => { await prisma.$disconnect(); await pool.end(); await pg.close(); } };
}
