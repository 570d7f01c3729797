import { describe, expect, test } from '@jest/globals';
import type { Attention, ContainerAttention, ContainerAttentionGroup, HostAttention } from '@muster/contracts';
import { containerRows, hostRows } from '../src/features/fleet/attention-rows';
import { at } from './samples';

const WORKLOAD = { kind: 'swarm', project: 'shop', service: 'api', instance: '1' } as const;

const hostsWith = (...problems: HostAttention[]): Attention => ({
  hosts: { total: problems.length, problems },
  containers: { total: 0, totalIsExact: true, problems: [] },
});
const containersWith = (...problems: ContainerAttention[]): Attention => ({
  hosts: { total: 0, problems: [] },
  containers: { total: problems.length, totalIsExact: true, problems },
});
const latestHosts = (count: number) =>
  Array.from({ length: count }, (_, index) => ({ id: `h${index}`, name: `web-${index}`, since: at(index) }));
const offline = (fields: Partial<HostAttention>): HostAttention => ({
  kind: 'offline',
  severity: 5,
  total: 1,
  filter: { freshness: ['offline'] },
  since: at(60),
  times: [],
  latest: latestHosts(1),
  ...fields,
});
const groupOf = (fields: Partial<ContainerAttentionGroup>): ContainerAttentionGroup => ({
  image: 'shop/api:1',
  total: 1,
  hosts: 1,
  filter: { problem: ['failed'], hostFreshness: ['online'], image: ['shop/api:1'] },
  since: at(60),
  latest: [
    {
      hostId: 'h1',
      hostName: 'web-01',
      dockerId: 'a1',
      name: 'api-1',
      exitCode: 1,
      exit: null,
      workload: WORKLOAD,
      exits: null,
      since: at(60),
    },
  ],
  ...fields,
});
const failed = (fields: Partial<ContainerAttention>): ContainerAttention => ({
  kind: 'failed',
  total: 1,
  totalIsExact: true,
  filter: { problem: ['failed'], hostFreshness: ['online'] },
  groups: [groupOf({})],
  isComplete: true,
  ...fields,
});

describe('the hosts that need attention', () => {
  test('are a link to the host’s page if only one host has the problem', () => {
    expect(hostRows(hostsWith(offline({})))).toMatchObject([
      { name: 'web-0', problem: 'Offline', target: { kind: 'host', hostId: 'h0' } },
    ]);
  });

  test('share a row with the number of hosts, the times and the names if several hosts have the problem', () => {
    const times = [
      { since: at(100), until: at(90), total: 1_400 },
      { since: at(900), until: at(900), total: 100 },
    ];
    const [row, ...others] = hostRows(hostsWith(offline({ total: 1_500, times, latest: latestHosts(5) })));
    expect(others).toEqual([]);
    expect(row).toMatchObject({
      name: '1,500 hosts',
      names: [0, 1, 2].map((number) => ({ id: `h${number}`, name: `web-${number}` })),
      note: 'and 1,497 others',
      times,
      target: { kind: 'hosts', filter: { freshness: ['offline'] } },
    });
  });

  test('stay in the order of the API, which does not depend on time', () => {
    const rows = hostRows(hostsWith(offline({ kind: 'engine_down' }), offline({}), offline({ kind: 'clock_skew' })));
    expect(rows.map(({ key }) => key)).toEqual(['engine_down', 'offline', 'clock_skew']);
  });
});

describe('the containers that need attention', () => {
  test('are a link to the container’s page if only one container of an image has the problem', () => {
    expect(containerRows(containersWith(failed({})))).toMatchObject([
      {
        name: 'api-1',
        problem: 'Crashed (1)',
        names: [{ id: 'h1', name: 'web-01' }],
        target: { kind: 'container', hostId: 'h1', dockerId: 'a1' },
      },
    ]);
  });

  test.each([
    ['failed', 137, 'Killed (137), possibly out of memory'],
    ['failed', 139, 'Crashed (segmentation fault, 139)'],
    ['failed', null, 'Failed'],
    ['unhealthy', 0, 'Health check failing'],
  ] as const)('with the problem %s and exit code %s are described as "%s"', (kind, exitCode, text) => {
    const group = groupOf({ latest: [{ ...groupOf({}).latest[0]!, exitCode }] });
    expect(containerRows(containersWith(failed({ kind, groups: [group] })))).toMatchObject([{ problem: text }]);
  });

  test.each([
    ['failed', 'oom', '', 'Out of memory'],
    ['failed', 'crashed', '', 'Crashed (137)'],
    [
      'failed',
      'failed_to_start',
      'listen tcp4 :8080: bind: address already in use',
      'Could not start: port 8080 is already in use',
    ],
  ] as const)('with the problem %s and the reason %s are described in words', (kind, reason, error, text) => {
    const exit = { code: 137, reason, error, finishedAt: null };
    const group = groupOf({ latest: [{ ...groupOf({}).latest[0]!, exitCode: 137, exit }] });
    expect(containerRows(containersWith(failed({ kind, groups: [group] })))).toMatchObject([{ problem: text }]);
  });

  test.each([
    ['oom', 'last exit: out of memory'],
    ['failed_to_start', 'last exit: could not start'],
    ['unknown', 'last code 137'],
    ['crashed', 'last code 137'],
    [null, 'last code 137'],
  ] as const)(
    'in a crash loop show the number of exits and a link to the workload (last reason: %s)',
    (reason, text) => {
      const exit = reason && { code: 137, reason, error: '', finishedAt: null };
      const group = groupOf({ latest: [{ ...groupOf({}).latest[0]!, exitCode: 137, exit, exits: 4 }] });
      expect(containerRows(containersWith(failed({ kind: 'crash_loop', groups: [group] })))).toMatchObject([
        {
          problem: `Crash loop: 4 exits in 1 h, ${text}`,
          target: { kind: 'workload', search: { kind: 'swarm', project: 'shop', service: 'api', instance: '1' } },
        },
      ]);
    },
  );

  test('of one image are one row with a link to exactly these containers', () => {
    const group = groupOf({ total: 12, hosts: 5 });
    expect(containerRows(containersWith(failed({ total: 12, groups: [group] })))).toMatchObject([
      { name: 'shop/api:1', note: '12 containers on 5 hosts', target: { kind: 'containers', filter: group.filter } },
    ]);
  });

  test('end with a link to all containers if there are too many images', () => {
    const groups = Array.from({ length: 9 }, (_, index) => groupOf({ image: `i${index}`, total: 2 }));
    const rows = containerRows(containersWith(failed({ total: 18, groups })));
    expect(rows).toHaveLength(6);
    expect(rows.at(-1)).toMatchObject({
      name: 'All 18 containers',
      target: { kind: 'containers', filter: failed({}).filter },
    });
    expect(new Set(rows.map(({ key }) => key)).size).toBe(rows.length);
  });

  test('have counts that are marked as lower bounds if not all containers were read', () => {
    const groups = [groupOf({ total: 12, hosts: 5 })];
    const rows = containerRows(containersWith(failed({ total: 200, totalIsExact: false, isComplete: false, groups })));
    expect(rows.map(({ name, note }) => [name, note])).toEqual([
      ['shop/api:1', '12+ containers on 5+ hosts'],
      ['All 200+ containers', ''],
    ]);
  });
});
