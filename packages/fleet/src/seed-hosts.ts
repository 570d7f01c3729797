import { createHash } from 'node:crypto';
import { formatToken, TOKEN_RANDOM_BYTES } from '@muster/contracts';
import { seededBytes, seededRandom } from '@muster/testkit/random';

/** A host in the database, and the credentials of its agent. */
export interface SeededHost {
  id: string;
  token: string;
  /** Identifies one run of its agent. */
  stream: string;
}

/** A connection or a pool of node-postgres. */
interface Queryable {
  query(text: string, values: unknown[]): Promise<unknown>;
}

/**
 * Inserts hosts without containers into an organization, with a token for each. It bypasses the API, because enrolling
 * them takes longer than the measurement. Equal arguments insert equal hosts.
 */
export async function seedHosts(
  database: Queryable,
  organization: string,
  fleet: string,
  count: number,
): Promise<SeededHost[]> {
  const hosts = Array.from({ length: count }, (_, index) => {
    const key = `${fleet}-${index}`;
    const random = seededRandom(createHash('sha256').update(key).digest().readUInt32LE());
    const token = formatToken('agent', seededBytes(random, TOKEN_RANDOM_BYTES));
    return { id: uuidOf(`host ${key}`), token, stream: uuidOf(`stream ${key}`), tokenId: uuidOf(`token ${key}`), key };
  });
  await database.query(
    `INSERT INTO hosts (id, "organizationId", name, "engineId", "engineName", "engineVersion", "engineApiVersion", os,
       arch, "agentVersion", "enrolledAt")
     SELECT id, $1, key, key, 'docker', '28.5.2', '1.51', 'Debian GNU/Linux 12', 'x86_64', '0.1.0', now()
     FROM unnest($2::uuid[], $3::text[]) AS h (id, key)`,
    [organization, hosts.map(({ id }) => id), hosts.map(({ key }) => key)],
  );
  // Already used: the first use of a token causes writes that belong to the enrollment.
  await database.query(
    `INSERT INTO agent_tokens (id, hash, "hostId", "createdAt", "firstUsedAt", "lastUsedAt")
     SELECT id, sha256(token::bytea), host, now(), now(), now()
     FROM unnest($1::uuid[], $2::text[], $3::uuid[]) AS t (id, token, host)`,
    [hosts.map(({ tokenId }) => tokenId), hosts.map(({ token }) => token), hosts.map(({ id }) => id)],
  );
  return hosts.map(({ id, token, stream }) => ({ id, token, stream }));
}

/** Returns a UUID (version 8: custom) that depends only on the name. */
function uuidOf(name: string): string {
  const hex = createHash('sha256').update(name).digest('hex');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}

/** The organization that the API creates with its first key. Hosts must belong to it to be visible. */
export const ORGANIZATION = 'default';
