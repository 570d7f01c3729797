import type { HostQuery } from '@muster/contracts';
import { Prisma } from '@muster/db';

type LabelFilters = NonNullable<HostQuery['hostLabel']>;

/** Returns the condition that a host (table alias `h`) has all of these labels. */
export const hasLabels = (filters: LabelFilters): Prisma.Sql =>
  Prisma.join(
    filters.map(({ key, value }) =>
      value === null
        ? Prisma.sql`h.labels ? ${key}`
        : Prisma.sql`h.labels @> ${JSON.stringify({ [key]: value })}::jsonb`,
    ),
    ' AND ',
  );

/** Selects the ids of an organization's hosts that have all of these labels. */
export const hostsWithLabels = (organizationId: string, filters: LabelFilters): Prisma.Sql => Prisma.sql`
  SELECT h.id FROM hosts AS h WHERE h."organizationId" = ${organizationId} AND ${hasLabels(filters)}`;
