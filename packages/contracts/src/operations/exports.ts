import type { Operation } from '../operation.js';
import { Paths } from '../paths.js';
import { ContainerExportQuery, EventExportQuery } from '../queries.js';

/** The operations that export all matching items in one file. */
export const ExportOperations = {
  exportContainers: {
    method: 'GET',
    path: Paths.exportContainers,
    tag: 'Exports',
    access: 'viewer',
    summary: 'Export containers as CSV or NDJSON',
    description:
      'Returns all containers that match the filters, in one file without pages. One operator can run 2 exports at ' +
      'the same time: a third fails with 429. A server process can run 8: a ninth fails with 503.',
    query: ContainerExportQuery,
    answers: { 200: 'text/csv' },
  },
  exportEvents: {
    method: 'GET',
    path: Paths.exportEvents,
    tag: 'Exports',
    access: 'viewer',
    summary: 'Export events as CSV or NDJSON',
    description:
      'Returns all events of containers, or with `subject=host` of hosts, that match the filters, in one file without ' +
      'pages. One operator can run 2 exports at the same time: a third fails with 429. A server process can run 8: a ' +
      'ninth fails with 503.',
    query: EventExportQuery,
    answers: { 200: 'text/csv' },
  },
} as const satisfies Record<string, Operation>;
