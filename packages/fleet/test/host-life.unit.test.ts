import { describe, expect, test } from '@jest/globals';
import {
  Container,
  ExitReason,
  WorkloadKind,
  canonicalSnapshot,
  deriveWorkload,
  isInfraContainer,
  parseSnapshot,
  parseStatus,
} from '@muster/contracts';
import fc from 'fast-check';
import { createRoles } from '../src/model/container-life.js';
import { HostLife, type HostLifeOptions } from '../src/model/host-life.js';

const roles = createRoles(50);
const options: HostLifeOptions = { seed: 1, host: 7, roles, churn: 0.1, intervalMs: 60_000, faults: 5 };
const EPOCH_MS = Date.parse('2026-11-01T12:00:00Z');
const HOUR = 3_600_000;

const textsOf = ({ containers }: HostLife, atMs: number): string[] =>
  containers.map((container) => container.sent(atMs, EPOCH_MS).text);

/** Returns, for each time, the events since the previous time and the snapshot at this time. */
function history(of: Partial<HostLifeOptions>, momentsMs: readonly number[]): unknown[] {
  const life = new HostLife({ ...options, ...of });
  return momentsMs.map((atMs) => {
    const happened = life.advance(atMs);
    return { happened, snapshot: `[${textsOf(life, atMs).join(',')}]`, nextAtMs: life.nextAtMs() };
  });
}

const everyMinute = Array.from({ length: 60 }, (_, minute) => minute * 60_000);

test('a seed gives a host the same states in each run', () => {
  expect(history({}, everyMinute)).toEqual(history({}, everyMinute));
});

test.each<[string, Partial<HostLifeOptions>]>([
  ['seed', { seed: 2 }],
  ['host', { host: 8 }],
])('another %s gives other containers and other changes', (_, other) => {
  const [ours, theirs] = [history({}, everyMinute), history(other, everyMinute)];
  expect(theirs.map((each) => (each as { nextAtMs: number }).nextAtMs)).not.toEqual(
    ours.map((each) => (each as { nextAtMs: number }).nextAtMs),
  );
  expect(theirs[0]).not.toEqual(ours[0]);
});

test('the states of a host do not depend on the number of calls of `advance`', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 2 * HOUR }), { maxLength: 30 }), (moments) => {
      const inSteps = history({}, [...moments.sort((a, b) => a - b), 2 * HOUR]).at(-1) as { snapshot: string };
      const atOnce = history({}, [2 * HOUR]).at(-1) as { snapshot: string };
      expect(inSteps.snapshot).toBe(atOnce.snapshot);
    }),
    { numRuns: 30 },
  );
});

test('faults of the agent and the network do not affect the containers', () => {
  const calm = new HostLife({ ...options, faults: 0 });
  const troubled = new HostLife({ ...options, faults: 5, host: 7 });
  expect(calm.advance(HOUR / 4).events).toEqual([]);
  const { events } = troubled.advance(HOUR / 4);
  expect(events.length).toBeGreaterThan(0);
  expect(events).not.toContainEqual({ kind: 'gone' });
  expect(textsOf(troubled, HOUR / 4)).toEqual(textsOf(calm, HOUR / 4));
});

describe('the share of containers that change', () => {
  test.each([0.02, 0.2])('is about %d in an interval', (churn) => {
    let changes = 0;
    for (let host = 0; host < 40; host++) {
      const life = new HostLife({ ...options, host, churn, faults: 0, roles: createRoles(20) });
      for (let atMs = 0; atMs < 100 * 60_000;) {
        atMs = life.nextAtMs();
        const isDue = life.containers.some(({ dueAtMs }) => dueAtMs === atMs);
        if (life.advance(atMs).changedAtMs !== null && !isDue) changes += 1;
      }
    }
    const share = changes / (40 * 20 * 100);
    expect(share).toBeGreaterThan(churn * 0.9);
    expect(share).toBeLessThan(churn * 1.1);
  });

  test('is zero for a churn of 0', () => {
    const life = new HostLife({ ...options, churn: 0, faults: 0, roles: createRoles(3), host: 1 });
    expect(life.advance(1_000 * HOUR).changedAtMs).toBeNull();
  });
});

test('every simulated state is a valid snapshot in canonical form', () => {
  const states = new Set<string>();
  const healths = new Set<string>();
  const reasons = new Set<string>();
  // The health is rarely and only briefly `starting`, so the test needs many hosts to find every health.
  for (let host = 0; host < 150; host++) {
    for (const each of history({ host }, [0, HOUR, 3 * HOUR])) {
      const { snapshot } = each as { snapshot: string };
      const parsed = parseSnapshot(JSON.parse(snapshot));
      if (!parsed.success) throw new Error(JSON.stringify(parsed.errors));
      expect(JSON.stringify(canonicalSnapshot(parsed.data))).toBe(snapshot);
      expect(parsed.data).toHaveLength(50);
      for (const { state, status, exit, oomKilled } of parsed.data) {
        states.add(state);
        reasons.add(exit?.reason ?? 'none');
        if (Boolean(exit) === (state === 'running' || state === 'paused')) throw new Error(`${state} with an exit`);
        if (oomKilled !== (exit?.reason === 'oom')) throw new Error('oomKilled and the reason disagree');
        healths.add(/\((healthy|unhealthy|health: starting)\)/.exec(status)?.[1] ?? 'none');
      }
    }
  }
  expect([...states].sort()).toEqual(['created', 'exited', 'paused', 'restarting', 'running']);
  expect([...reasons].sort()).toEqual([...ExitReason.options, 'none'].sort());
  expect([...healths].sort()).toEqual(['health: starting', 'healthy', 'none', 'unhealthy']);
});

test('for every orchestrator, the contracts derive the same values from a container as the model', () => {
  const kinds = new Set<string>();
  for (let host = 0; host < 4; host++) {
    const life = new HostLife({ ...options, host, churn: 1, faults: 0 });
    for (const atMs of [0, HOUR / 4]) {
      life.advance(atMs);
      for (const each of life.containers) {
        const { text, derived } = each.sent(atMs, EPOCH_MS);
        const container = Container.parse(JSON.parse(text));
        const { health, exitCode } = parseStatus(container.status);
        expect({
          ...{ health, exitCode: container.exit?.code ?? exitCode },
          ...{ workload: deriveWorkload(container), isInfra: isInfraContainer(container) },
        }).toEqual(derived);
        kinds.add(derived.workload.kind).add(derived.isInfra ? 'infra' : 'own');
      }
    }
  }
  expect([...kinds].sort()).toEqual([...WorkloadKind.options, 'infra', 'own'].sort());
});

test('Swarm and Kubernetes replace a container instead of restarting it, and a slot keeps its workload', () => {
  const life = new HostLife({ ...options, churn: 1, faults: 0 });
  const swarm = () => life.containers.filter(({ role }) => role.service.kind === 'swarm');
  const before = new Map(swarm().map((each) => [each.role, each.sent(0, EPOCH_MS)]));
  life.advance(HOUR / 2);
  let replaced = 0;
  for (const each of swarm()) {
    const { text, derived } = each.sent(HOUR / 2, EPOCH_MS);
    const old = before.get(each.role)!;
    expect(derived.workload).toEqual(old.derived.workload);
    const [then, now] = [old, { text }].map((sent) => JSON.parse(sent.text) as Container);
    if (now!.dockerId === then!.dockerId) continue;
    replaced += 1;
    expect(now!.name).not.toBe(then!.name);
  }
  expect(replaced).toBeGreaterThan(0);
});

test('a replaced container gets a new id in the same role, and the old container is reported as removed', () => {
  const life = new HostLife({ ...options, churn: 1, faults: 0 });
  const before = new Map(life.containers.map((container) => [container.role, container.dockerId]));
  const { removals } = life.advance(HOUR / 4);
  const after = new Map(life.containers.map((container) => [container.role, container.dockerId]));
  expect(new Set(after.keys())).toEqual(new Set(before.keys()));
  expect(after.size).toBe(50);
  const replaced = [...before].filter(([role, dockerId]) => after.get(role) !== dockerId);
  expect(replaced.length).toBeGreaterThan(0);
  const removed = removals.map(({ dockerId }) => dockerId);
  expect(removed).toEqual(expect.arrayContaining(replaced.map(([, dockerId]) => dockerId)));
});

test('a host that has left for good has no more events', () => {
  const life = new HostLife({ ...options, faults: 100 });
  const { events } = life.advance(1_000 * HOUR);
  expect(events.at(-1)).toEqual({ kind: 'gone' });
  expect(events.filter(({ kind }) => kind === 'gone')).toHaveLength(1);
  expect(life.nextAtMs()).toBe(Number.POSITIVE_INFINITY);
});

describe('snapshot texts', () => {
  test('are equal as long as no container and no age changes', () => {
    const life = new HostLife({ ...options, churn: 0, faults: 0 });
    expect(textsOf(life, 1)).toEqual(textsOf(life, 0));
  });

  test('differ only in the status if only the ages change', () => {
    const life = new HostLife({ ...options, churn: 0, faults: 0, host: 3 });
    const [before, after] = [0, HOUR].map((atMs) =>
      textsOf(life, atMs).map((text) => Container.parse(JSON.parse(text))),
    );
    expect(after).not.toEqual(before);
    const maskAge = (containers: Container[]) => containers.map(({ status: _, ...rest }) => rest);
    expect(maskAge(after!)).toEqual(maskAge(before!));
  });
});
