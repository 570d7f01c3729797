import { HOST_LABELS_MAX, type EnrollRequest } from '@muster/contracts';
import { isUniqueViolation, type Database, type Statement } from '@muster/db';
import { v7 as newId } from 'uuid';

/**
 * Atomically consumes one use of the enrollment token and creates the host, its token, the audit entry and the host's
 * first event. Does nothing if the token is not valid for a new host or the organization already has a host with this
 * engine id.
 *
 * All of this is one statement, because a transaction would lock the token's row during several round trips. Hosts that
 * enroll with the same token at the same time wait for this lock.
 */
const ENROLL_NEW_HOST: Statement = {
  name: 'enroll_new_host',
  text: `
    WITH used AS (
      UPDATE enrollment_tokens AS t SET uses = uses + 1
      WHERE id = $1::uuid AND uses < "maxUses" AND "hostId" IS NULL AND "revokedAt" IS NULL AND "expiresAt" > $2::timestamptz
        AND NOT EXISTS (
          SELECT FROM hosts AS h
          WHERE h."organizationId" = t."organizationId" AND h."engineId" = $4::text AND h."deletedAt" IS NULL)
      RETURNING id, "organizationId", labels, $14::jsonb AS "agentLabels"
    ), merged AS (
      -- As in mergeHostLabels: the labels of the agent apply before those of the token.
      SELECT COALESCE(jsonb_object_agg(key, value), '{}') AS labels
      FROM (
        SELECT key COLLATE "C" AS key, value, 1 AS rank FROM used, jsonb_each("agentLabels")
        UNION ALL
        SELECT key COLLATE "C", value, 2 FROM used, jsonb_each(labels) WHERE NOT "agentLabels" ? key
        ORDER BY rank, key LIMIT ${HOST_LABELS_MAX}) AS applied
    ), described AS (
      SELECT jsonb_strip_nulls(jsonb_build_object(
        'name', $5::text, 'engineId', $4::text, 'labels', NULLIF(labels, '{}'))) AS details
      FROM merged
    ), host AS (
      INSERT INTO hosts (
        id, "organizationId", "engineId", name, "engineName", "engineVersion", "engineApiVersion", os, arch,
        "agentVersion", "enrolledAt", "lastSeenAt", labels, "agentLabels",
        "enrollmentTokenLabels")
      SELECT $3::uuid, "organizationId", $4::text, $5::text, $6::text, $7::text, $8::text, $9::text, $10::text,
        $11::text, $2::timestamptz, $2::timestamptz, merged.labels, "agentLabels", used.labels
      FROM used CROSS JOIN merged
      RETURNING id
    ), facts AS (
      INSERT INTO host_facts ("hostId", name, addresses, kernel, cpus, "memoryBytes", "engineFacts")
      SELECT id, $15::text, $16::jsonb, $17::text, $18::int, $19::bigint, $20::jsonb FROM host
    ), token AS (
      INSERT INTO agent_tokens (id, hash, "hostId", "enrollmentTokenId", "createdAt")
      SELECT $12::uuid, $13::bytea, host.id, used.id, $2::timestamptz FROM used CROSS JOIN host
    ), audit AS (
      INSERT INTO audit_entries ("organizationId", at, actor, action, target, details)
      SELECT used."organizationId", $2::timestamptz, 'enrollment_token:' || used.id, 'host.enrolled', 'host:' || host.id,
        details
      FROM used CROSS JOIN host CROSS JOIN described
    ), event AS (
      INSERT INTO host_events (tx, id, "hostId", "organizationId", kind, "to", at, "recordedAt")
      SELECT pg_current_xact_id()::text::bigint, nextval('container_events_id_seq'), host.id, used."organizationId",
        'host_enrolled', details, $2::timestamptz, $2::timestamptz
      FROM used CROSS JOIN host CROSS JOIN described
    )
    SELECT id FROM host`,
};

/**
 * Enrolls a machine that has no host, and returns the id of the new host. Returns null, and writes nothing, if the
 * token is not valid for a new host or the machine already has a host.
 */
export async function enrollNewHost(
  db: Database,
  enrollmentTokenId: string,
  { name, engineId, engine, os, arch, agentVersion, facts = {} }: EnrollRequest,
  { agentTokenHash, at }: { agentTokenHash: Uint8Array; at: Date },
): Promise<string | null> {
  const properties = [engineId, name, engine.name, engine.version, engine.apiVersion, os, arch, agentVersion];
  try {
    const [host] = await db.query<{ id: string }>(ENROLL_NEW_HOST, [
      enrollmentTokenId,
      at,
      newId(),
      ...properties,
      newId(),
      agentTokenHash,
      JSON.stringify(facts.labels ?? {}),
      facts.name,
      toJson(facts.addresses),
      facts.kernel,
      facts.cpus,
      facts.memoryBytes,
      toJson(facts.engineFacts),
    ]);
    return host?.id ?? null;
  } catch (error) {
    // Another request enrolled the same machine concurrently, so the machine has a host now.
    if (isUniqueViolation(error)) return null;
    throw error;
  }
}

const toJson = (value: unknown): string | null => (value === undefined ? null : JSON.stringify(value));
