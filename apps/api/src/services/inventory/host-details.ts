import { Prisma, type Database } from '@muster/db';
import type { HostRow } from './select-hosts.sql.js';

/** What the API returns about hosts in addition to the columns of their rows. */
export interface HostDetails {
  /** The facts that hosts have reported, by host id. */
  facts: ReadonlyMap<string, Prisma.HostFactsGetPayload<object>>;
  /** The names that several hosts of the organization have. */
  sharedNames: ReadonlySet<string>;
}

/** Reads the details of hosts of an organization. */
export async function readHostDetails(
  { prisma }: Database,
  organizationId: string,
  hosts: readonly Pick<HostRow, 'id' | 'name'>[],
): Promise<HostDetails> {
  const [facts, shared] = await Promise.all([
    prisma.$queryRaw<Prisma.HostFactsGetPayload<object>[]>(Prisma.sql`
      SELECT * FROM host_facts WHERE "hostId" = ANY (${hosts.map(({ id }) => id)}::uuid[])`),
    prisma.$queryRaw<{ name: string }[]>(Prisma.sql`
      SELECT name FROM hosts
      WHERE "organizationId" = ${organizationId} AND "deletedAt" IS NULL
        AND name = ANY (${hosts.map(({ name }) => name)}::text[])
      GROUP BY name HAVING count(*) > 1`),
  ]);
  return {
    facts: new Map(facts.map((row) => [row.hostId, row])),
    sharedNames: new Set(shared.map(({ name }) => name)),
  };
}
