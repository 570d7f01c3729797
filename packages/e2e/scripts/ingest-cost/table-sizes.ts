import { withConnection } from '@muster/testkit/databases';

/** Returns a Markdown table with the bytes per row of the tables that snapshots fill, and of each of their indexes. */
export const tableSizes = (url: string): Promise<string> =>
  withConnection(url, async (client) => {
    await client.query('VACUUM FULL containers, container_events');
    const { rows } = await client.query<{ name: string; rows: number; bytes: number }>(
      `SELECT c.relname AS name, t.rows, pg_relation_size(c.oid)::float8 / t.rows AS bytes
       FROM (
         SELECT 'containers'::regclass AS oid, (SELECT count(*)::int FROM containers) AS rows
         UNION ALL SELECT 'container_events'::regclass, (SELECT count(*)::int FROM container_events)
       ) AS t
       LEFT JOIN pg_index AS i ON i.indrelid = t.oid
       JOIN pg_class AS c ON c.oid IN (t.oid, i.indexrelid)
       GROUP BY t.oid, c.oid, c.relname, t.rows
       ORDER BY t.oid, c.oid <> t.oid, c.relname`,
    );
    const lines = rows.map((row) => `| ${row.name} | ${row.rows} | ${row.bytes.toFixed(1)} |\n`);
    return `| table or index | rows | bytes per row |\n| --- | --- | --- |\n${lines.join('')}`;
  });
