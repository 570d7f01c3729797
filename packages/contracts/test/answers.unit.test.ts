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
import { minimalContainer } from './arbitraries.js';

const HOST = '0b8f1f0e-6a5b-4c3d-9e2f-1a2b3c4d5e6f';
const NOW = '2026-01-31T12:00:00.000Z';

test('a container has the fields that the agent sends and the fields that the server adds', () => {
  const view = {
    ...Container.parse(minimalContainer),
    hostId: HOST,
    hostName: 'web-1',
    hostFreshness: 'online',
    engineName: 'Docker',
    asOf: NOW,
    health: null,
    exitCode: 1,
    exit: { code: 1, reason: 'crashed', error: '', finishedAt: NOW },
    oomKilled: false,
    restartCount: 2,
    imageDigest: null,
    workload: { kind: 'compose', project: 'shop', service: 'web', instance: '1' },
    isInfra: false,
    uptimeSeconds: 60,
    firstSeenAt: NOW,
    changedAt: NOW,
    removedAt: null,
  };
  expect(page(ContainerView).parse({ items: [view], nextCursor: null })).toEqual({ items: [view], nextCursor: null });
  expect(Object.keys(ContainerView.shape)).toEqual(expect.arrayContaining(Object.keys(Container.shape)));
});

test('a sync summary can state why the snapshot is stale, and can have a null digest', () => {
  const summary = {
    hostId: HOST,
    applied: false,
    reason: 'sequence_not_rising',
    received: 2,
    created: 0,
    updated: 0,
    unchanged: 0,
    removed: 0,
    revision: 7,
    digest: null,
    cadence: CADENCE_DEFAULT,
  };
  expect(SyncSummary.parse(summary)).toEqual(summary);
  expect(SyncSummary.safeParse({ ...summary, reason: 'because' }).success).toBe(false);
  expect(SyncSummary.safeParse({ ...summary, created: -1 }).success).toBe(false);
});

test('problem types are distinct URI references below /problems', () => {
  const types = Object.values(ProblemTypes);
  expect(new Set(types).size).toBe(types.length);
  for (const type of types) expect(type).toMatch(/^\/problems\/[a-z-]+$/);
});

const problem = {
  type: ProblemTypes.notFound,
  title: 'Not found',
  status: 404,
  detail: 'No such host.',
  requestId: 'r',
};

test('a problem can have an unknown type, from a newer server', () => {
  const newer = { ...problem, type: '/problems/of-a-newer-server' };
  expect(Problem.parse(newer)).toEqual(newer);
});

test('a problem requires type, title, status, detail and requestId', () => {
  expect(Problem.parse(problem)).toEqual(problem);
  for (const key of Object.keys(problem))
    expect(Problem.safeParse({ ...problem, [key]: undefined }).success).toBe(false);
});

test('no two paths are equal', () => {
  expect(new Set(Object.values(Paths)).size).toBe(Object.values(Paths).length);
});
