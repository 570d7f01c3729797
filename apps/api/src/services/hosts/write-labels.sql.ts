import type { HostLabels } from '@muster/contracts';
import { Prisma } from '@muster/db';

/** The labels to store for a host: the labels that operators set, and the labels that apply. */
interface StoredLabels {
  id: string;
  operatorLabels: HostLabels;
  labels: HostLabels;
}

/**
 * Writes the labels of hosts whose rows the transaction has locked. `factsChangedAt` changes with each write, even if
 * two writes have the same time, because the live stream compares only this column.
 */
export const writeLabels = (tx: Pick<Prisma.TransactionClient, '$executeRaw'>, hosts: StoredLabels[], at: Date) =>
  tx.$executeRaw(Prisma.sql`
    UPDATE hosts AS h SET "operatorLabels" = changed."operatorLabels", labels = changed.labels,
      "factsChangedAt" = GREATEST(${at}::timestamptz, h."factsChangedAt" + interval '1 millisecond')
    FROM json_to_recordset(${JSON.stringify(hosts)}::json) AS changed (id uuid, "operatorLabels" jsonb, labels jsonb)
    WHERE h.id = changed.id`);
