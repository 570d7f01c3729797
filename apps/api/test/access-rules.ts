import { Operations, type Access, type Operation, type OperationName } from '@muster/contracts';
import { z } from 'zod';
import { container, enrollRequest } from './fixtures.js';
import { PASSWORD } from './users.js';

/** Valid request bodies, so that only the credentials can cause a refusal. */
const BODIES: Readonly<Partial<Record<OperationName, unknown>>> = {
  enroll: enrollRequest(),
  reportContainers: [container('intruder')],
  heartbeat: { digest: null, engineError: 'intruder' },
  createEnrollmentToken: { name: 'intruder' },
  deleteHosts: { hostIds: ['f3b0c5a2-7d1e-4b8a-9c3d-2e5f60718293'] },
  changeHostLabels: { hostIds: ['f3b0c5a2-7d1e-4b8a-9c3d-2e5f60718293'], set: { env: 'intruder' } },
  updateHost: { name: 'intruder' },
  changePassword: { currentPassword: PASSWORD, newPassword: 'the password of an intruder' },
  changeMember: { role: 'owner' },
  invite: { email: 'intruder@example.org', role: 'owner' },
  createApiKey: { name: 'intruder', role: 'admin' },
};

/** Valid required query parameters. */
const QUERIES: Readonly<Partial<Record<OperationName, string>>> = {
  search: '?q=a',
  getImageBuilds: '?image=nginx:1.29',
  getAvailabilityGroups: '?by=env',
  getHostGroups: '?by=env',
};

/** The lists that have items in every organization. */
const NEVER_EMPTY: ReadonlySet<string> = new Set<OperationName>([
  'listAuditEntries',
  'listSessions',
  'listMembers',
  'listApiKeys',
]);

const isList = ({ answers: { 200: answer } }: Operation) => answer instanceof z.ZodObject && 'items' in answer.shape;

const routes = (Object.entries(Operations) as [OperationName, Operation][]).map(([id, operation]) => ({
  name: `${operation.method} ${operation.path}`,
  method: operation.method,
  path: operation.path,
  access: operation.access,
  body: BODIES[id],
  query: QUERIES[id] ?? '',
  hasBody: operation.body !== undefined,
  // A list of one host's objects returns 404 to another organization, as the host itself does.
  isList: isList(operation) && operation.resource === undefined,
  isNeverEmpty: NEVER_EMPTY.has(id),
  /** Whether a successful response is an endless stream. */
  isEndless: id === 'stream',
}));

/**
 * The kinds of access that require credentials, except access to the metrics, which metrics.test.ts tests.
 */
export type GuardedAccess = Exclude<Access, 'public' | 'metrics'>;

/** The routes that require credentials, according to the contract. */
export const guardedRoutes = routes.flatMap(({ access, ...route }) =>
  access === 'public' || access === 'metrics' ? [] : [{ ...route, access }],
);
export type GuardedRoute = (typeof guardedRoutes)[number];
