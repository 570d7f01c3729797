import { describe, expect, test } from '@jest/globals';
import { Container, type ContainerInput } from '@muster/contracts';
import { containerChanges } from '../src/services/sync/container-changes.js';
import { toLoopExits, toLoopSteps } from '../src/services/sync/container-loops.js';
import { toContainerFacts } from '../src/services/sync/container-row.js';
import { container } from './fixtures.js';

const facts = (changes: Partial<ContainerInput>) => toContainerFacts(Container.parse(container('a', { ...changes })));
const AT = '2026-03-01T12:00:00.000Z';
const LATER = '2026-03-01T12:01:00.000Z';
const running = (restartCount: number, startedAt = AT) =>
  facts({ state: 'running', status: 'Up 1 second', restartCount, startedAt, oomKilled: false });
const ended = (state: string, restartCount: number, startedAt = AT) =>
  facts({ state, status: `Exited (1) now`, restartCount, startedAt, oomKilled: false });

describe('the exits between two reports', () => {
  test.each([
    ['an exit', running(0), ended('exited', 0), 1],
    ['a start', ended('exited', 0), running(0, LATER), 0],
    ['an exit before a restart by the engine', running(0), ended('restarting', 0), 1],
    ['a restart by the engine', ended('restarting', 0), running(1, LATER), 0],
    ['a restart that was not seen', running(0), running(1, LATER), 1],
    ['three restarts that were not seen', running(2), running(5, LATER), 3],
    ['a restart and an exit', running(0), ended('restarting', 1, LATER), 2],
    ['restarts while it waits', ended('restarting', 1), ended('restarting', 4, LATER), 3],
    ['an operator’s restart, after which the engine counts from 0', running(7), running(0, LATER), 1],
  ])('after %s are counted once', (_name, from, to, exits) => {
    expect(toLoopSteps(containerChanges(from, to))).toMatchObject([{ dockerId: 'a', removed: false, exits }]);
  });

  test('are at least one if an older agent does not report the number of restarts', () => {
    const [from, to] = [AT, LATER].map((startedAt) => facts({ state: 'running', status: 'Up 1 second', startedAt }));
    expect(toLoopSteps(containerChanges(from!, to!))).toMatchObject([{ exits: 1 }]);
  });
});

describe('a looping container', () => {
  const kindsWithStep = (from: Partial<ContainerInput>, to: Partial<ContainerInput>) => {
    const events = containerChanges(facts(from), facts(to));
    return events.map((event) => [event.kind, toLoopSteps([event]).length]);
  };

  test.each<[string, Partial<ContainerInput>, Partial<ContainerInput>, unknown[][]]>([
    ['health', { status: 'Up 1 second (healthy)' }, { status: 'Up 1 second (unhealthy)' }, [['health_changed', 1]]],
    ['ports', {}, { ports: [] }, [['updated', 1]]],
    ['start time', { startedAt: null }, { startedAt: AT }, [['updated', 1]]],
    ['name', {}, { name: 'other' }, [['renamed', 0]]],
    [
      'image',
      {},
      { image: 'nginx:2', imageId: 'sha256:11' },
      [
        ['image_changed', 0],
        ['updated', 0],
      ],
    ],
    ['labels', {}, { labels: {} }, [['updated', 0]]],
    ['labels and ports', {}, { labels: {}, ports: [] }, [['updated', 0]]],
    ['pause', {}, { state: 'paused', status: 'Up (Paused)' }, [['paused', 0]]],
  ])(
    'has no events for changes that recur with each restart, and one event for each other change: %s',
    (_name, from, to, kinds) => {
      expect(kindsWithStep(from, to)).toEqual(kinds);
    },
  );
});

test('the exits of a loop are listed by frequency, without the server’s times', () => {
  const entry = (code: number | null, count: number) => ({ code, reason: 'crashed' as const, count, recordedAt: AT });
  const stored = {
    count: 9,
    first: '2026-03-01T12:00:00+00:00',
    last: '2026-03-01T13:30:00.5+01:00',
    codes: { '1/crashed': entry(1, 2), '2/crashed': entry(2, 4), '3/crashed': entry(3, 2) },
  };
  expect(toLoopExits(stored)).toEqual({
    count: 9,
    first: AT,
    last: '2026-03-01T12:30:00.500Z',
    codes: [
      { code: 2, reason: 'crashed', count: 4 },
      { code: 1, reason: 'crashed', count: 2 },
      { code: 3, reason: 'crashed', count: 2 },
    ],
  });
});
