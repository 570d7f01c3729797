import type { Page, Project, ProjectQuery } from '@muster/contracts';
import type { Database } from '@muster/db';
import { decodeCursor, encodeCursor } from '../../lib/cursor.js';
import { containersFreshness, type FreshnessContext, type FreshnessSource } from '../freshness/index.js';
import { findFewHostsWithLabels } from './host-labels.sql.js';
import {
  findProjectsOfHosts,
  scanProjects,
  type ProjectPosition,
  type ProjectRow,
  type ScannedProjects,
} from './scan-projects.sql.js';

/** Limits of the work for one page of projects. */
export interface ProjectListLimits {
  /** Maximum number of containers that one statement counts. */
  rowsMax?: number;
  /** Maximum number of projects that one statement visits. */
  stepsMax?: number;
  /** Maximum number of projects visited before an empty page is returned. */
  emptyPageStepsMax?: number;
}

/**
 * Lists the projects of an organization's present containers, ordered by project and host. A page may have
 * fewer than `limit` items, even none, without being the last page. Only a null `nextCursor` marks the end.
 */
export async function listProjects(
  { db, freshnessContext }: FreshnessSource,
  organizationId: string,
  query: ProjectQuery,
  limits: ProjectListLimits = {},
): Promise<Page<Project>> {
  const [{ projects, stoppedAt }, context] = await Promise.all([
    findProjects(db, organizationId, query, limits),
    freshnessContext(),
  ]);
  const rows = projects.slice(0, Math.min(query.limit, countFittingProjects(projects)));
  const last = rows.at(-1);
  const position = projects.length > rows.length && last ? [last.project, last.hostId] : stoppedAt;
  return { items: rows.map((row) => toProject(row, context)), nextCursor: position && encodeCursor(position) };
}

const FIRST_POSITION: ProjectPosition = ['', '00000000-0000-0000-0000-000000000000'];

async function findProjects(
  db: Database,
  organizationId: string,
  { q, hostId, hostLabel, limit, cursor }: ProjectQuery,
  { rowsMax = 20_000, stepsMax = 2_500, emptyPageStepsMax = 100_000 }: ProjectListLimits,
): Promise<ScannedProjects> {
  let position: ProjectPosition = cursor === undefined ? FIRST_POSITION : decodeCursor(cursor, ['string', 'uuid']);
  const hostIds = hostId ?? (await findFewHostsWithLabels(db, organizationId, hostLabel, rowsMax));
  if (hostIds !== null) {
    const projects = await findProjectsOfHosts(db, organizationId, { hostIds, hostLabel, q }, position, limit + 1);
    return { projects, stoppedAt: null };
  }
  for (let steps = stepsMax; ; steps += stepsMax) {
    const limits = { limit: limit + 1, rowsMax, stepsMax };
    const found = await scanProjects(db, organizationId, { q, hostLabel }, position, limits);
    if (found.stoppedAt === null || found.projects.length > 0 || steps >= emptyPageStepsMax) return found;
    position = found.stoppedAt;
  }
}

/**
 * Maximum length of all service names on one page, in characters. The first project is returned even if its names are
 * longer.
 */
const PAGE_CHARACTERS_MAX = 1024 * 1024;

/** Returns the number of projects whose service names fit on one page; at least 1. */
function countFittingProjects(projects: readonly ProjectRow[]): number {
  let characters = 0;
  const first = projects.findIndex(({ services }, index) => {
    for (const service of services) characters += service.length;
    return characters > PAGE_CHARACTERS_MAX && index > 0;
  });
  return first === -1 ? projects.length : first;
}

const toProject = (row: ProjectRow, context: FreshnessContext): Project => ({
  project: row.project,
  hostId: row.hostId,
  hostName: row.hostName,
  hostFreshness: containersFreshness(row, context),
  kind: row.kind,
  services: row.services,
  containers: row.containers,
  running: row.running,
  unhealthy: row.unhealthy,
});
