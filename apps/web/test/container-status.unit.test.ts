import { describe, expect, test } from '@jest/globals';
import { ContainerFreshness, Freshness } from '@muster/contracts';
import fc from 'fast-check';
import {
  containerStatus,
  CURRENT_FRESHNESS,
  FRESHNESS,
  HOST_FRESHNESS,
  iconOfState,
  isCurrent,
  LAST_KNOWN_FRESHNESS,
  sortStates,
  STATE_ORDER,
} from '../src/lib/container-status';
import { at, container } from './samples';

describe('the displayed state of a container', () => {
  test.each([
    [{ state: 'running', health: 'unhealthy' }, 'unhealthy'],
    [{ state: 'running', health: 'healthy' }, 'healthy'],
    [{ state: 'running', health: 'starting' }, 'starting'],
    [{ state: 'running', health: null }, 'running'],
    [{ state: 'exited', exitCode: 0 }, 'exited (0)'],
    [{ state: 'exited', exitCode: null }, 'exited'],
    [{ state: 'exited', exitCode: 137 }, 'crashed (137)'],
    [{ state: 'exited', exitCode: 143 }, 'exited (143)'],
    [{ state: 'restarting', exitCode: 2 }, 'restarting (2)'],
    [{ state: 'restarting', exitCode: null }, 'restarting'],
    [{ state: 'paused' }, 'paused'],
    [{ state: 'created' }, 'created'],
    [{ state: 'dead' }, 'dead'],
    [{ state: 'removing' }, 'removing'],
    [{ state: 'hibernating' }, 'hibernating'],
  ] as const)('for %j is "%s"', (fields, label) => {
    expect(containerStatus(container(fields))).toMatchObject({ label, isCurrent: true });
  });

  test('is not current if the host is offline or its engine is down, unless the container was removed', () => {
    expect(containerStatus(container({ hostFreshness: 'offline' }))).toMatchObject({
      icon: 'running',
      isCurrent: false,
    });
    expect(containerStatus(container({ hostFreshness: 'engine_down' })).isCurrent).toBe(false);
    expect(containerStatus(container({ hostFreshness: 'offline', removedAt: at(5) }))).toMatchObject({
      icon: 'removed',
      isCurrent: true,
    });
  });

  test.each([
    ['exited', 'stopped', 143, 'finished', 'stopped'],
    ['exited', 'completed', 0, 'finished', 'completed'],
    ['exited', 'oom', 137, 'crashed', 'out of memory'],
    ['exited', 'crashed', 1, 'crashed', 'crashed (1)'],
    ['exited', 'unknown', 5, 'finished', 'exited (5), cause not reported by Podman'],
    ['stopped', 'stopped', 143, 'finished', 'stopped'],
    ['created', 'failed_to_start', 0, 'crashed', 'could not start: port 8080 is already in use'],
    ['restarting', 'oom', 137, 'restarting', 'restarting, out of memory'],
  ] as const)('in the state %s with the reason %s says why the process ended', (state, reason, code, icon, label) => {
    const error = reason === 'failed_to_start' ? 'listen tcp4 :8080: bind: address already in use' : '';
    const exit = { code, reason, error, finishedAt: null };
    const shown = containerStatus(container({ state, exit, exitCode: code, engineName: 'Podman' }));
    expect(shown).toMatchObject({ icon, label });
  });

  test('is a crash only with the exit code of an error', () => {
    const iconOf = (exitCode: number | null) => containerStatus(container({ state: 'exited', exitCode })).icon;
    expect([0, null, 130, 143, 3_221_225_786, 1].map(iconOf)).toEqual([
      ...Array<string>(5).fill('finished'),
      'crashed',
    ]);
  });

  test('ignores the health of a container that is not running', () => {
    const fields = { state: 'exited', exitCode: 0, health: 'unhealthy' } as const;
    expect(containerStatus(container(fields))).toMatchObject({ icon: 'finished', label: 'exited (0)' });
  });
});

describe('the freshness of a host', () => {
  test('has a different label for each value', () => {
    expect(Object.keys(FRESHNESS).sort()).toEqual([...Freshness.options].sort());
    expect(new Set(Object.values(FRESHNESS).map(({ label }) => label)).size).toBe(Freshness.options.length);
    for (const { meaning } of Object.values(FRESHNESS)) expect(meaning).toMatch(/^[A-Z].*\.$/);
  });

  test('determines whether the containers of the host count as current or as last known', () => {
    expect([...HOST_FRESHNESS].sort()).toEqual([...ContainerFreshness.options].sort());
    expect(CURRENT_FRESHNESS.filter((value) => LAST_KNOWN_FRESHNESS.includes(value))).toEqual([]);
    expect(Freshness.options.filter(isCurrent)).toEqual(['online']);
  });

  test('has a description with "last known" only if the containers count as last known', () => {
    for (const value of LAST_KNOWN_FRESHNESS) expect(FRESHNESS[value].meaning).toContain('last known');
    for (const value of CURRENT_FRESHNESS) expect(FRESHNESS[value].meaning).not.toContain('last known');
  });
});

describe('the states of a host', () => {
  test('are in order of importance, without states that have no container', () => {
    expect(sortStates({ exited: 3, zombie: 1, dead: 0, other: 2, running: 5 })).toEqual([
      ['running', 5],
      ['exited', 3],
      ['other', 2],
      ['zombie', 1],
    ]);
  });

  test('are shown with their counts, known states before unknown states', () => {
    const state = fc.oneof(fc.constantFrom(...STATE_ORDER), fc.string({ minLength: 1, maxLength: 5 }));
    fc.assert(
      fc.property(fc.dictionary(state, fc.nat(3)), (byState) => {
        const sortedStates = sortStates(byState);
        expect(Object.fromEntries(sortedStates)).toEqual(
          Object.fromEntries(Object.entries(byState).filter(([, count]) => count > 0)),
        );
        const isKnown = sortedStates.map(([name]) => (STATE_ORDER as readonly string[]).includes(name));
        expect(isKnown).toEqual([...isKnown].sort((a, b) => Number(b) - Number(a)));
      }),
    );
  });

  test('have no crash icon, because a count has no exit code', () => {
    expect(iconOfState('exited')).toBe('finished');
    expect(iconOfState('running')).toBe('running');
    expect(iconOfState('hibernating')).toBe('unknown');
  });
});
