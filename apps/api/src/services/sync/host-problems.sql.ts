import type { HostProblemCode } from '@muster/contracts';
import { Prisma } from '@muster/db';
import { CLONE_SUSPECTED_MS } from './order.js';

/** The codes that the API detects from columns of the host. Agents report the others. */
const DETECTED_PROBLEMS = {
  snapshot_refused: () => Prisma.sql`h."snapshotRefusedAt" IS NOT NULL`,
  truncated: () => Prisma.sql`h."truncatedCount" > 0`,
  clone_suspected: (now: Date) =>
    Prisma.sql`COALESCE(h."cloneSuspectedAt" > ${cloneSuspectedFrom(now)}::timestamptz, FALSE)`,
} as const satisfies Partial<Record<HostProblemCode, (now: Date) => Prisma.Sql>>;

/**
 * Returns the cutoff for suspected clones: a clone that was last suspected before this instant is no longer reported.
 */
export const cloneSuspectedFrom = (now: Date): Date => new Date(now.getTime() - CLONE_SUSPECTED_MS);

/**
 * Returns an SQL condition on a row of `hosts`, with the alias `h`. The condition is true if `hostProblems` returns one
 * of these codes for the row. A test checks that the condition and the function agree.
 */
export function hasProblem(codes: readonly HostProblemCode[], now: Date): Prisma.Sql {
  const detected = codes.flatMap((code) =>
    code in DETECTED_PROBLEMS ? [DETECTED_PROBLEMS[code as keyof typeof DETECTED_PROBLEMS](now)] : [],
  );
  const reported = Prisma.sql`(h."agentProblems" <> '[]' AND EXISTS (
    SELECT FROM jsonb_array_elements(h."agentProblems") AS problem WHERE problem ->> 'code' = ANY (${[...codes]}::text[])))`;
  return Prisma.sql`(${Prisma.join([reported, ...detected], ' OR ')})`;
}
