import { createHash } from 'node:crypto';
import { formatToken } from '@muster/contracts';

/** The organization that the API creates with its first key. Hosts must belong to it to be visible. */
export const ORGANIZATION = 'default';

/** A host in the database, and the credentials of its agent. */
export type SeededHost = Awaited<ReturnType<typeof seedHosts>>[number];

/** A connection or a pool of node-postgres. */
interface Queryable {
  query(text: string, values: unknown[]): Promise<unknown>;
}

/**
 * Inserts hosts without containers, with a token for each. The function bypasses the API, because enrolling the hosts
 * would take longer than the measurement. Equal arguments give equal host ids, so each fleet in a database needs its
 * own name.
 */
export async function seedHosts(database: Queryable, fleet: string, count: number) {
  const names = Array.from({ length: count }, (_, index) => `${fleet}-${index}`);
  const hosts = names.map((name) => ({
    id: uuidOf(`host ${name}`),
    token: formatToken('agent', hashOf(`token ${name}`)),
  }));
  const ids = hosts.map(({ id }) => id);
  await database.query(
    `INSERT INTO hosts (id, "organizationId", name, "engineId", "engineName", "engineVersion", "engineApiVersion", os,
       arch, "agentVersion", "enrolledAt")
     SELECT id, $1, name, name, 'docker', '28.5.2', '1.51', 'Debian GNU/Linux 12', 'x86_64', '0.1.0', now()
     FROM unnest($2::uuid[], $3::text[]) AS h (id, name)`,
    [ORGANIZATION, ids, names],
  );
  // The tokens are marked as used, because the first use of a token causes writes that are part of the enrollment.
  await database.query(
    `INSERT INTO agent_tokens (id, hash, "hostId", "createdAt", "firstUsedAt", "lastUsedAt")
     SELECT gen_random_uuid(), sha256(token::bytea), host, now(), now(), now()
     FROM unnest($1::text[], $2::uuid[]) AS t (token, host)`,
    [hosts.map(({ token }) => token), ids],
  );
  return hosts;
}

const hashOf = (name: string): Buffer => createHash('sha256').update(name).digest();

/** Returns a UUID (version 8: custom) that depends only on the name. */
function uuidOf(name: string): string {
  const hex = hashOf(name).toString('hex');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}
