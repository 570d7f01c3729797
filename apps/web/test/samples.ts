import type { ContainerEvent, ContainerView, Host, HostProblem, HostProblemCode } from '@muster/contracts';

/** The current time in tests, from which the times of the samples are computed. */
export const NOW = Date.parse('2026-11-25T12:00:00Z');

/** Returns the time `secondsAgo` seconds before `NOW`. */
export const at = (secondsAgo: number): string => new Date(NOW - secondsAgo * 1_000).toISOString();

export const container = (fields: Partial<ContainerView>): ContainerView => ({
  dockerId: 'a1',
  name: 'web',
  image: 'web:1',
  imageId: null,
  command: '',
  state: 'running',
  status: '',
  ports: [],
  labels: {},
  startedAt: null,
  hostId: 'h1',
  hostName: 'web-01',
  hostFreshness: 'online' as const,
  engineName: 'Docker',
  asOf: at(1),
  health: null,
  exitCode: null,
  exit: null,
  oomKilled: null,
  restartCount: null,
  imageDigest: null,
  workload: { kind: 'plain', project: null, service: 'web', instance: null },
  isInfra: false,
  uptimeSeconds: null,
  firstSeenAt: at(9_000),
  changedAt: at(60),
  removedAt: null,
  ...fields,
});

export const host = (fields: Partial<Host>): Host =>
  ({
    id: 'h1',
    name: 'web-01',
    freshness: 'online',
    lastSeenAt: at(1),
    confirmedAt: at(1),
    engineError: null,
    cloneSuspectedAt: null,
    clockSkewSeconds: null,
    problems: [],
    ...fields,
  }) as Host;

export const event = (fields: Partial<ContainerEvent>): ContainerEvent => ({
  id: '1-1',
  hostId: 'h1',
  hostName: 'web-01',
  dockerId: 'a1',
  name: 'web',
  kind: 'exited' as const,
  from: 'running',
  to: 'exited',
  exitCode: 1,
  exitReason: null,
  workload: { kind: 'plain', project: null, service: 'web', instance: null },
  image: null,
  exits: null,
  observedAt: at(10),
  recordedAt: at(10),
  ...fields,
});

export const hostProblem = (code: HostProblemCode, secondsAgo = 60): HostProblem => ({
  code,
  message: `m ${code}`,
  since: at(secondsAgo),
});
