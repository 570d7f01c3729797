import { describe, expect, test } from '@jest/globals';
import { findConcerns } from '../src/features/fleet/attention-list';
import { at, container, event, host, hostProblem } from './samples';

describe('the list of concerns', () => {
  const emptyFleet = { hosts: [], containers: [], events: [] };

  test('is empty if all hosts and containers are healthy', () => {
    expect(findConcerns({ ...emptyFleet, hosts: [host({})], containers: [container({ health: 'healthy' })] })).toEqual(
      [],
    );
  });

  test('starts with offline hosts, and does not contain their containers', () => {
    const concerns = findConcerns({
      hosts: [host({ id: 'h2', name: 'gone', freshness: 'offline' }), host({})],
      containers: [
        container({ hostId: 'h2', hostFreshness: 'offline', state: 'exited', exitCode: 1 }),
        container({ state: 'exited', exitCode: 1 }),
      ],
      events: [],
    });
    expect(concerns.map(({ name }) => name)).toEqual(['gone', 'web']);
  });

  test.each([
    ['clone_suspected', 'Two machines report as this host (cloned VM?)'],
    ['list_refused', 'Container engine refuses to list containers'],
    ['snapshot_refused', 'Muster refuses this host’s snapshots'],
    ['too_many_containers', 'Too many containers for one snapshot'],
  ] as const)(
    'starts with an online host that has the problem %s, and contains the start time of the problem',
    (code, problem) => {
      const crashed = container({ state: 'exited', exitCode: 1, hostId: 'h2' });
      const hosts = [
        host({ id: 'h2', name: 'well' }),
        host({ problems: [hostProblem('truncated'), hostProblem(code, 600)] }),
      ];
      expect(findConcerns({ ...emptyFleet, hosts, containers: [crashed] })).toMatchObject([
        { name: 'web-01', dockerId: null, icon: 'unhealthy', problem, at: at(600) },
        { name: 'web' },
      ]);
    },
  );

  test('contains a host with an unreachable engine only once, with the reason', () => {
    const problems = [hostProblem('engine_unreachable')];
    const hosts = [host({ freshness: 'engine_down', engineError: 'no such socket', problems })];
    expect(findConcerns({ ...emptyFleet, hosts })).toMatchObject([{ name: 'web-01', problem: 'no such socket' }]);
  });

  test('does not contain a host whose problems do not affect its list of containers', () => {
    expect(
      findConcerns({
        ...emptyFleet,
        hosts: [host({ problems: [hostProblem('truncated'), hostProblem('clock_skew')] })],
      }),
    ).toEqual([]);
  });

  test('shows an offline host as offline, regardless of the problems that it reported before', () => {
    const hosts = [host({ freshness: 'offline', problems: [hostProblem('snapshot_refused')] })];
    expect(findConcerns({ ...emptyFleet, hosts })).toMatchObject([{ problem: 'Offline' }]);
  });

  test('contains a crash loop only once, even if the container was recreated between crashes and is now running', () => {
    const crashes = [1, 2, 3].map((n) => event({ id: `${n}`, dockerId: `a${n}`, recordedAt: at(n * 60) }));
    const concerns = findConcerns({ hosts: [host({})], containers: [container({})], events: crashes });
    const problem = 'Crash loop: 3 exits in 1 h, last code 1';
    expect(concerns).toMatchObject([{ name: 'web', icon: 'restarting', dockerId: 'a1', problem }]);
    expect(findConcerns({ hosts: [host({})], containers: [], events: crashes.slice(1) })).toEqual([]);
  });

  test('shows the exit code of a container that restarted only once', () => {
    const containers = [container({ state: 'restarting', exitCode: 1 })];
    expect(findConcerns({ ...emptyFleet, containers, events: [event({})] })).toMatchObject([
      { problem: 'Restarting (1)' },
    ]);
  });

  test('does not contain a container that exited with code 0', () => {
    expect(findConcerns({ ...emptyFleet, containers: [container({ state: 'exited', exitCode: 0 })] })).toEqual([]);
  });

  test('lists host problems first, then crash loops and failing health checks, then exits, then stale hosts', () => {
    const concerns = findConcerns({
      hosts: [
        host({ id: 'stale', name: 'stale host', freshness: 'stale' }),
        host({ id: 'offline', name: 'offline host', freshness: 'offline' }),
        host({}),
      ],
      containers: [
        container({ name: 'crashed', dockerId: 'a', state: 'exited', exitCode: 1 }),
        container({ name: 'dead', dockerId: 'b', state: 'dead', changedAt: at(90) }),
        container({ name: 'looping', dockerId: 'c', state: 'restarting', changedAt: at(50) }),
        container({ name: 'unhealthy', dockerId: 'd', health: 'unhealthy', changedAt: at(40) }),
      ],
      events: [],
    });
    expect(concerns.map(({ name }) => name)).toEqual([
      'offline host',
      'unhealthy',
      'looping',
      'crashed',
      'dead',
      'stale host',
    ]);
  });

  test('lists the newest of equally severe concerns first', () => {
    const containers = [300, 100, 200].map((ago) =>
      container({ name: `${ago}`, dockerId: `${ago}`, state: 'dead', changedAt: at(ago) }),
    );
    expect(findConcerns({ ...emptyFleet, containers }).map(({ name }) => name)).toEqual(['100', '200', '300']);
  });

  test('contains a container only once, even if it crashed often and has now exited', () => {
    const containers = [container({ state: 'exited', exitCode: 2 })];
    const events = [1, 2, 3, 4].map((n) => event({ id: `${n}`, recordedAt: at(n) }));
    const concerns = findConcerns({ hosts: [host({})], containers, events });
    // The current exit code describes the container better than the exit codes of its events.
    expect(concerns).toMatchObject([{ icon: 'restarting', problem: 'Crash loop: 4 exits in 1 h, last code 2' }]);
  });

  test('contains no crash loop for a host that is not reporting or for crashes of different containers', () => {
    const events = [1, 2, 3].map((n) => event({ id: `${n}` }));
    expect(findConcerns({ ...emptyFleet, hosts: [host({ freshness: 'left' })], events })).toEqual([]);
    const otherEvents = ['a', 'b', 'c'].map((name) => event({ name }));
    expect(findConcerns({ ...emptyFleet, hosts: [host({})], events: otherEvents })).toEqual([]);
  });

  test('does not count exits with code 0, exits with an unknown code or other kinds of events as crashes', () => {
    const events = [event({ exitCode: 0 }), event({ exitCode: null }), event({ kind: 'removed' }), event({})];
    expect(findConcerns({ ...emptyFleet, hosts: [host({})], events: [...events, event({})] })).toEqual([]);
  });

  test('contains no removed containers', () => {
    const containers = [container({ state: 'exited', exitCode: 1, removedAt: at(1) })];
    expect(findConcerns({ ...emptyFleet, containers })).toEqual([]);
  });

  test.each([
    [137, 'Killed (137), possibly out of memory'],
    [139, 'Crashed (segmentation fault, 139)'],
    [1, 'Crashed (1)'],
  ])('describes the exit code %d as "%s"', (exitCode, problem) => {
    const containers = [container({ state: 'exited', exitCode })];
    expect(findConcerns({ ...emptyFleet, containers })).toMatchObject([{ problem }]);
  });

  test('does not contain a host that was never seen or has left', () => {
    const hosts = [host({ freshness: 'never', confirmedAt: null }), host({ id: 'h2', freshness: 'left' })];
    expect(findConcerns({ ...emptyFleet, hosts })).toEqual([]);
  });
});
