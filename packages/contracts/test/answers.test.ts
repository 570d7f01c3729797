import { expect, test } from '@jest/globals';
import {
  Container,
  ContainerView,
  page,
  Paths,
  Problem,
  ProblemTypes,
  SyncSummary,
  CADENCE_DEFAULT,
} from '../src/index.js';
import { minimal } from './arbitraries.js';

const HOST = '0b8f1f0e-6a5b-4c3d-9e2f-1a2b3c4d5e6f';
const NOW = '2026-01-31T12:00:00.000Z';

test("an operator's container is all of the agent's, and what the server knows of it", () => {
  const view = {
    ...Container.parse(minimal),
    hostId: HOST,
    hostName: 'web-1',
    hostFreshness: 'online',
    asOf: NOW,
    health: null,
    exitCode: null,
    uptimeSeconds: 60,
    firstSeenAt: NOW,
    changedAt: NOW,
    removedAt: null,
  };
  expect(page(ContainerView).parse({ items: [view], nextCursor: null })).toEqual({ items: [view], nextCursor: null });
  expect(Object.keys(ContainerView.shape)).toEqual(expect.arrayContaining(Object.keys(Container.shape)));
});

test('a summary says why a snapshot was not applied, and may be without a digest', () => {
  const summary = {
    hostId: HOST,
    applied: false,
    reason: 'sequence_not_rising',
    ...{ received: 2, created: 0, updated: 0, unchanged: 0, removed: 0, revision: 7 },
    digest: null,
    cadence: CADENCE_DEFAULT,
  };
  expect(SyncSummary.parse(summary)).toEqual(summary);
  expect(SyncSummary.safeParse({ ...summary, reason: 'because' }).success).toBe(false);
  expect(SyncSummary.safeParse({ ...summary, created: -1 }).success).toBe(false);
});

test('no two problems share a type, and each is a URI reference of its own path', () => {
  const types = Object.values(ProblemTypes);
  expect(new Set(types).size).toBe(types.length);
  for (const type of types) expect(type).toMatch(/^\/problems\/[a-z-]+$/);
});

test('a problem has everything of RFC 9457 that a client branches on', () => {
  const problem = {
    type: ProblemTypes.notFound,
    title: 'Not found',
    status: 404,
    detail: 'No such host.',
    requestId: 'r',
  };
  expect(Problem.parse(problem)).toEqual(problem);
  for (const key of Object.keys(problem))
    expect(Problem.safeParse({ ...problem, [key]: undefined }).success).toBe(false);
});

test('no two calls share a path', () => {
  expect(new Set(Object.values(Paths)).size).toBe(Object.values(Paths).length);
});
