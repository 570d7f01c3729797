import { withConnection } from '@muster/testkit/databases';

const TABLES = ['containers', 'container_events'];

/** Returns the bytes per row of the tables that snapshots fill, and of each index and column of these tables. */
export const diskUse = (url: string): Promise<Map<string, number>> =>
  withConnection(url, async (client) => {
    const bytesByName = new Map<string, number>();
    for (const table of TABLES) {
      await client.query(`VACUUM FULL ${table}`);
      const { rows } = await client.query<{ name: string; bytes: number }>(
        `WITH counted AS (SELECT count(*)::float8 AS rows FROM ${table})
         SELECT c.relname::text AS name, pg_relation_size(c.oid) / rows AS bytes
         FROM counted, pg_class AS c
         WHERE c.oid = '${table}'::regclass
           OR c.oid IN (SELECT indexrelid FROM pg_index WHERE indrelid = '${table}'::regclass)
         ORDER BY c.relkind DESC, c.relname`,
      );
      const { fields } = await client.query(`SELECT * FROM ${table} LIMIT 0`);
      const averages = fields.map(
        ({ name }) => `COALESCE(sum(pg_column_size("${name}")), 0) / count(*)::float8 AS "${name}"`,
      );
      const { rows: columns } = await client.query<Record<string, number>>(`SELECT ${averages.join()} FROM ${table}`);
      for (const [name, bytes] of Object.entries(columns[0]!)) bytesByName.set(`${table}.${name}`, bytes);
      for (const { name, bytes } of rows) bytesByName.set(name, bytes);
    }
    return bytesByName;
  });
