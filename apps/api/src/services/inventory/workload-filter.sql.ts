import type { ContainerQuery } from '@muster/contracts';
import { Prisma } from '@muster/db';
import { and, textBeginning } from './container-columns.sql.js';
import type { Filter } from './container-text.sql.js';
import {
  PROJECT_BEGINNING,
  PROJECT_TEXT,
  SERVICE_BEGINNING,
  SERVICE_TEXT,
  WORKLOAD_PROJECT,
} from './workload-columns.sql.js';

/**
 * Returns the filters by the workload of a container. A filter by service comes first, because it is more selective.
 */
export function workloadFilters(
  { project, service, instance }: Pick<ContainerQuery, 'project' | 'service' | 'instance'>,
  inHalves: (condition: Prisma.Sql) => Prisma.Sql,
): Filter[] {
  const isOneOf = (sql: Prisma.Sql, values: readonly string[]) => Prisma.sql`${sql} = ANY (${values}::text[])`;
  const begins = (sql: Prisma.Sql, values: readonly string[]) => isOneOf(sql, values.map(textBeginning));
  const filters: Filter[] = [];
  if (service) {
    const ofService = [begins(SERVICE_BEGINNING, service), ...(project ? [begins(WORKLOAD_PROJECT, project)] : [])];
    filters.push({ matches: isOneOf(SERVICE_TEXT, service), indexed: [inHalves(and(ofService))] });
  }
  if (project) {
    const matches = isOneOf(PROJECT_TEXT, project);
    const hasProject = Prisma.sql`${PROJECT_TEXT} IS NOT NULL`;
    filters.push({ matches, indexed: [inHalves(and([begins(PROJECT_BEGINNING, project), hasProject]))] });
  }
  if (instance) filters.push({ matches: isOneOf(Prisma.sql`c.instance`, instance) });
  return filters;
}
