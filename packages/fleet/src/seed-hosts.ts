import { createHash } from 'node:crypto';
import { formatToken, TOKEN_RANDOM_BYTES } from '@muster/contracts';
import { seededBytes, seededRandom } from '@muster/testkit/random';

/** A host in the database, and what its agent needs to speak for it. */
export interface SeededHost {
  id: string;
  token: string;
  /** Of its agent's run. */
  stream: string;
}

/** A connection or a pool of node-postgres. */
interface Queryable {
  query(text: string, values: unknown[]): Promise<unknown>;
}

/**
 * Adds hosts without containers to an organization, and a token for each, past the API: enrolling them one by one takes
 * longer than what is then measured. Equal arguments add equal hosts.
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
  // In use already: the first use of a token costs writes that belong to enrolment.
  await database.query(
    `INSERT INTO agent_tokens (id, hash, "hostId", "createdAt", "firstUsedAt", "lastUsedAt")
     SELECT id, sha256(token::bytea), host, now(), now(), now()
     FROM unnest($1::uuid[], $2::text[], $3::uuid[]) AS t (id, token, host)`,
    [hosts.map(({ tokenId }) => tokenId), hosts.map(({ token }) => token), hosts.map(({ id }) => id)],
  );
  return hosts.map(({ id, token, stream }) => ({ id, token, stream }));
}

/** A UUID (version 8: of our own making) that is the same for the same name. */
function uuidOf(name: string): string {
  const hex = createHash('sha256').update(name).digest('hex');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}
