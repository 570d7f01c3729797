/**
 * Tests that no table or column changes by accident, because operators' queries, dashboards and backups rely on them.
 * See apps/api/test/public-surface.test.ts.
 */
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { createTestDatabase, type TestDatabase } from '../src/testing.js';

let db: TestDatabase;
beforeAll(async () => {
  db = await createTestDatabase('pglite');
});
afterAll(() => db.close());

test('the public surface of the database: tables and columns', async () => {
  const columns = await db.prisma.$queryRaw<{ column: string }[]>`
    SELECT concat(table_name, '.', column_name, ' ', udt_name, CASE is_nullable WHEN 'YES' THEN ' null' END) AS column
    FROM information_schema.columns WHERE table_schema = 'public' ORDER BY table_name COLLATE "C", column_name COLLATE "C"`;
  expect(`\n${columns.map(({ column }) => column).join('\n')}\n`).toMatchSnapshot();
});
