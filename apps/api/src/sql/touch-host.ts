import type { Heartbeat } from '@muster/contracts';
import { Prisma, type Database } from '@muster/db';
import { suspectClone } from './host-order.js';

/**
 * Notes that an agent was heard with a snapshot too old to apply: it lives, and nothing else is written but the
 * suspicion that two machines share its token.
 */
export async function touchStale({ prisma }: Database, hostId: string, stream: string, receivedAt: Date) {
  await prisma.$executeRaw(Prisma.sql`
    UPDATE hosts SET
      "lastSeenAt" = ${receivedAt}::timestamptz,
      "cloneSuspectedAt" = ${suspectClone(stream, receivedAt)}
    WHERE id = ${hostId}::uuid AND "deletedAt" IS NULL`);
}

/**
 * Notes a heartbeat: liveness, whether the agent can list, the facts that it told, and, where its digest is the
 * host's and its stream (if it names one) is the current one, that the rows are still what the host has.
 * True if the digest matched. Null: the host is gone.
 */
export async function touchHeartbeat(
  { prisma }: Database,
  hostId: string,
  heartbeat: Heartbeat,
  stream: string | null,
  receivedAt: Date,
): Promise<boolean | null> {
  const { digest, engine, os, agentVersion } = heartbeat;
  const engineError = heartbeat.engineError ?? null;
  const ofStream =
    stream === null
      ? Prisma.empty
      : Prisma.sql`,
      "streamHeardAt" = CASE WHEN hosts.stream = ${stream}::uuid THEN ${receivedAt}::timestamptz
        ELSE hosts."streamHeardAt" END,
      "cloneSuspectedAt" = ${suspectClone(stream, receivedAt)}`;
  const [host] = await prisma.$queryRaw<{ matched: boolean }[]>(Prisma.sql`
    UPDATE hosts SET
      "lastSeenAt" = ${receivedAt}::timestamptz,
      "confirmedAt" = CASE
        WHEN digest = ${digest} AND ${engineError}::text IS NULL
          AND COALESCE(stream = ${stream}::uuid, ${stream === null}::boolean)
        THEN ${receivedAt}::timestamptz
        ELSE "confirmedAt"
      END,
      "engineError" = ${engineError},
      "engineName" = COALESCE(${engine?.name ?? null}, "engineName"),
      "engineVersion" = COALESCE(${engine?.version ?? null}, "engineVersion"),
      "engineApiVersion" = COALESCE(${engine?.apiVersion ?? null}, "engineApiVersion"),
      os = COALESCE(${os ?? null}, os),
      "agentVersion" = COALESCE(${agentVersion ?? null}, "agentVersion")${ofStream}
    WHERE id = ${hostId}::uuid AND "deletedAt" IS NULL
    RETURNING COALESCE(digest = ${digest}, FALSE) AS matched`);
  return host?.matched ?? null;
}
