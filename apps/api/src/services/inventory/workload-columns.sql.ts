/**
 * The workload of a container in SQL (ADR 22). `c` is the alias of the table `containers`. A row that a version before
 * 0.4 wrote has no workload columns until its host reports again. Until then, the row's labels show the Compose project
 * and service.
 */
import { Prisma } from '@muster/db';

const textColumn = (sql: Prisma.Sql) => Prisma.sql`(left(${sql}, 200) COLLATE "C")`;

// An empty label counts as missing, as in `deriveWorkload`.
const LABELED_PROJECT = Prisma.sql`NULLIF(container_project(c.labels), '')`;
const LABELED_SERVICE = Prisma.sql`NULLIF(container_service(c.labels), '')`;

export const PROJECT_TEXT = Prisma.sql`COALESCE(c.project, ${LABELED_PROJECT})`;
export const SERVICE_TEXT = Prisma.sql`COALESCE(c.service, ${LABELED_SERVICE})`;

/** The beginning of a container's project, which is indexed for containers that have a project. */
export const PROJECT_BEGINNING = textColumn(PROJECT_TEXT);
/** The beginning of a container's service. */
export const SERVICE_BEGINNING = textColumn(SERVICE_TEXT);

/**
 * `WORKLOAD_PROJECT`, `WORKLOAD_INSTANCE`, `SERVICE_BEGINNING` and the host are the columns of the index of workloads.
 * Missing values are empty strings, because `=` does not match null.
 */
export const WORKLOAD_PROJECT = textColumn(Prisma.sql`COALESCE(c.project, ${LABELED_PROJECT}, '')`);
export const WORKLOAD_INSTANCE = textColumn(Prisma.sql`COALESCE(c.instance, '')`);
