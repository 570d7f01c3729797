import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { Paths, type Container } from '@muster/contracts';
import { openFixture, type Fixture } from './fixture.js';
import { problem, type ReceivedRequest, type Reaction } from './scripted-muster.js';

/**
 * The header of the responses that simulate an outage. The agent waits one second, during which tests change the
 * engine's containers.
 */
const RETRY_AFTER: Record<string, string> = { 'retry-after': '1' };

let fixture: Fixture;
beforeEach(async () => {
  fixture = await openFixture({ roles: ['a', 'b', 'c'].map((name) => ({ name, behavior: 'steady' as const })) });
  fixture.muster.cadence = { heartbeatSeconds: 0.2, snapshotSeconds: 60 };
});
afterEach(() => fixture.close());

const sequenceOf = ({ headers }: ReceivedRequest): number => Number(headers['snapshot-sequence']);
const isPartial = ({ headers }: ReceivedRequest): boolean => headers['snapshot-complete'] === 'false';
const partials = (): ReceivedRequest[] => fixture.muster.snapshots.filter(isPartial);
const namesWithStates = ({ json }: ReceivedRequest): string[] =>
  (json as Container[]).map(({ name, state }) => `${name} ${state}`);
/**
 * Waits until the journal on disk has `entries` lines. Entries that are only in memory are lost when the agent exits.
 */
const untilJournalHas = (entries: number): Promise<void> => untilTrue(() => journalLineCount() === entries);
function journalLineCount(): number {
  const path = join(fixture.dir, 'state', 'journal.ndjson');
  return existsSync(path) ? readFileSync(path, 'utf8').split('\n').length - 1 : 0;
}

/**
 * Returns the snapshots without those that were sent again unchanged. On a busy machine, the agent may send a journal
 * entry before the outage ends.
 */
const withoutRepetitions = (snapshots: readonly ReceivedRequest[]): ReceivedRequest[] => [
  ...new Map(snapshots.map((each) => [sequenceOf(each), each])).values(),
];

async function untilTrue(condition: () => boolean): Promise<void> {
  const until = Date.now() + 60_000;
  while (!condition()) {
    if (Date.now() > until) throw new Error(`timed out waiting for: ${condition.toString()}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

/** Expects all snapshots to have the same stream, with rising sequence numbers and observation times. */
function expectOrder(snapshots: readonly ReceivedRequest[]): void {
  const sequences = snapshots.map(sequenceOf);
  expect(sequences).toEqual([...new Set(sequences)].sort((x, y) => x - y));
  expect(new Set(snapshots.map(({ headers }) => headers['snapshot-stream'])).size).toBe(1);
  const observed = snapshots.map(({ headers }) => Date.parse(headers['snapshot-observed-at'] as string));
  expect(observed).toEqual([...observed].sort((x, y) => x - y));
}

/**
 * Runs the agent, takes the API down, makes three changes in the engine and brings the API back. The API answers the
 * next two snapshots with `firstAnswer`.
 */
async function simulateOutage(firstAnswer?: Reaction): Promise<void> {
  fixture.run();
  await fixture.muster.until(() => fixture.muster.snapshots.length === 1);
  await untilTrue(() => fixture.engineServer.calls.events > 0);
  fixture.muster.setReaction(Paths.agentContainers, problem(503, 'about:blank', RETRY_AFTER));
  fixture.muster.setReaction(Paths.agentHeartbeat, problem(503, 'about:blank', RETRY_AFTER));
  await untilTrue(() => fixture.logged.some(({ msg }) => msg === 'the call to the API failed'));
  fixture.engine.stop(fixture.engine.idOf('a')!);
  await untilJournalHas(1);
  fixture.engine.remove(fixture.engine.idOf('b')!);
  await untilJournalHas(2);
  fixture.engine.start(fixture.engine.idOf('a')!);
  await untilJournalHas(3);
  if (firstAnswer !== undefined) fixture.muster.queueReactions(Paths.agentContainers, firstAnswer, firstAnswer);
  fixture.muster.setReaction(Paths.agentContainers, null);
  fixture.muster.setReaction(Paths.agentHeartbeat, null);
}

describe('after the API was unreachable', () => {
  test('the recorded changes are sent first, in order, followed by one complete snapshot', async () => {
    await simulateOutage();
    const answered = (): ReceivedRequest[] =>
      fixture.muster.snapshots.slice(fixture.muster.snapshots.findIndex(isPartial));
    await fixture.muster.until(() => partials().length >= 3 && !isPartial(fixture.muster.snapshots.at(-1)!));
    const received = withoutRepetitions(answered());
    expect(received.map(namesWithStates)).toEqual([
      ['a exited'],
      [],
      ['a running'],
      expect.arrayContaining(['a running']),
    ]);
    expect(received[1]!.headers['snapshot-gone']).toMatch(/^[0-9a-f]{64}$/);
    expect(namesWithStates(received[3]!)).toHaveLength(2);
    expectOrder(received);
  });

  test('a journal entry is sent again unchanged if the response is lost', async () => {
    await simulateOutage();
    await fixture.muster.until(() => partials().length >= 1);
    const [first] = partials();
    expect(first).toBeDefined();
    fixture.muster.queueReactions(Paths.agentContainers, 'reset');
    await fixture.muster.until(() => !isPartial(fixture.muster.snapshots.at(-1)!));
    const bySequence = new Map<number, string>();
    for (const part of partials()) {
      const text = part.raw.toString('base64');
      expect(bySequence.get(sequenceOf(part)) ?? text).toBe(text);
      bySequence.set(sequenceOf(part), text);
    }
    expect(bySequence.size).toBe(3);
  });

  test.each<[string, Reaction]>([
    ['302', { status: 302, headers: { location: '/login' }, text: '' }],
    ['401', { status: 401, text: '<html>sign in</html>' }],
    ['403', { status: 403, text: '<html>forbidden</html>' }],
  ])('a journal entry is kept and sent again if a proxy refuses it with %s', async (_, refusal) => {
    await simulateOutage(refusal);
    const from = fixture.muster.snapshots.length;
    await fixture.muster.until(() => partials().length >= 3 && !isPartial(fixture.muster.snapshots.at(-1)!));
    const accepted = fixture.muster.snapshots.slice(-4);
    expect(accepted.map(namesWithStates).slice(0, 3)).toEqual([['a exited'], [], ['a running']]);
    const firstSequence = sequenceOf(accepted[0]!);
    expect(fixture.muster.snapshots.slice(from, -4).map(sequenceOf)).toEqual([firstSequence, firstSequence]);
    expectOrder(accepted);
  });

  test('refused journal entries are logged once per kind of refusal', async () => {
    await simulateOutage(problem(400));
    await fixture.muster.until(() => partials().length >= 3 && !isPartial(fixture.muster.snapshots.at(-1)!));
    expect(fixture.logged.filter(({ msg }) => msg === 'the API refused a journal entry: skipped')).toHaveLength(1);
  });

  test('the next run sends the changes that a killed run recorded', async () => {
    fixture.run();
    await fixture.muster.until(() => fixture.muster.snapshots.length === 1);
    const first = fixture.muster.snapshots[0]!;
    fixture.muster.setReaction(Paths.agentContainers, 'reset');
    fixture.muster.setReaction(Paths.agentHeartbeat, problem(503, 'about:blank', { 'retry-after': '60' }));
    await untilTrue(() => fixture.logged.some(({ msg }) => msg === 'the call to the API failed'));
    fixture.engine.stop(fixture.engine.idOf('a')!);
    await untilJournalHas(1);
    fixture.engine.start(fixture.engine.idOf('a')!);
    await untilJournalHas(2);
    await fixture.stopAll();
    fixture.muster.setReaction(Paths.agentContainers, null);
    fixture.muster.setReaction(Paths.agentHeartbeat, null);
    const countBefore = fixture.muster.snapshots.length;
    fixture.run();
    await fixture.muster.until(
      () => fixture.muster.snapshots.length > countBefore && !isPartial(fixture.muster.snapshots.at(-1)!),
    );
    const received = fixture.muster.snapshots.slice(countBefore);
    expect(received.map(isPartial)).toEqual([true, true, false]);
    expect(received.slice(0, 2).map(namesWithStates)).toEqual([['a exited'], ['a running']]);
    const streams = received.map(({ headers }) => headers['snapshot-stream']);
    expect(streams.slice(0, 2)).toEqual([first.headers['snapshot-stream'], first.headers['snapshot-stream']]);
    expect(streams[2]).not.toBe(streams[0]);
  });
});

test('after an agent was killed while it sent its journal, the next run sends only the unsent entries', async () => {
  await simulateOutage();
  const refusedCount = partials().length;
  const release = fixture.muster.hold(Paths.agentContainers);
  release(null);
  fixture.muster.hold(Paths.agentContainers);
  await fixture.muster.until(() => partials().length === refusedCount + 2);
  await fixture.stopAll();
  const countBefore = fixture.muster.snapshots.length;
  fixture.run();
  await fixture.muster.until(
    () => fixture.muster.snapshots.length > countBefore && !isPartial(fixture.muster.snapshots.at(-1)!),
  );
  const resentSequences = fixture.muster.snapshots.slice(countBefore).filter(isPartial).map(sequenceOf);
  const [answered, unanswered] = partials().slice(refusedCount).map(sequenceOf);
  expect(resentSequences[0]).toBe(unanswered);
  expect(resentSequences).not.toContain(answered);
});

test('after `muster-agent once` has run, older journal entries are never sent, because it started a new stream of snapshots', async () => {
  await simulateOutage();
  const refusedCount = partials().length;
  fixture.muster.hold(Paths.agentContainers);
  await fixture.muster.until(() => partials().length === refusedCount + 1);
  await fixture.stopAll();
  const countBefore = fixture.muster.snapshots.length;
  await fixture.once();
  fixture.run();
  await fixture.muster.until(() => fixture.muster.snapshots.length === countBefore + 2);
  expect(fixture.muster.snapshots.slice(countBefore).filter(isPartial)).toEqual([]);
});

describe('while a call waits for its response', () => {
  const ENDS: [string, Reaction | null][] = [
    ['is answered late', null],
    ['is reset', 'reset'],
  ];
  const snapshotsFrom = (from: number): ReceivedRequest[] => fixture.muster.snapshots.slice(from);
  const isReplayComplete = (from: number) => (): boolean =>
    snapshotsFrom(from).some(isPartial) && !isPartial(snapshotsFrom(from).at(-1)!);

  /** Makes three changes and waits until each is in the journal on disk, after `entriesBefore` earlier entries. */
  async function makeThreeChanges(entriesBefore: number): Promise<void> {
    fixture.engine.start(fixture.engine.idOf('a')!);
    await untilJournalHas(entriesBefore + 1);
    fixture.engine.remove(fixture.engine.idOf('b')!);
    await untilJournalHas(entriesBefore + 2);
    fixture.engine.stop(fixture.engine.idOf('a')!);
    await untilJournalHas(entriesBefore + 3);
  }

  beforeEach(async () => {
    fixture.engine.stop(fixture.engine.idOf('a')!);
    fixture.run();
    await fixture.muster.until(() => fixture.muster.snapshots.length === 1);
    await untilTrue(() => fixture.engineServer.calls.events > 0);
  });

  test.each(ENDS)('during a heartbeat that %s, changes are recorded and later sent in order', async (_, reaction) => {
    const release = fixture.muster.hold(Paths.agentHeartbeat);
    const heartbeatsBefore = fixture.muster.heartbeats.length;
    await fixture.muster.until(() => fixture.muster.heartbeats.length > heartbeatsBefore);
    const [requests, lists] = [fixture.muster.receivedRequests.length, fixture.engineServer.calls.list];
    await makeThreeChanges(0);
    expect(fixture.muster.receivedRequests).toHaveLength(requests);
    expect(fixture.engineServer.calls.list).toBe(lists + 3);
    release(reaction);
    await fixture.muster.until(isReplayComplete(1));
    expect(snapshotsFrom(1).map(namesWithStates).slice(0, 3)).toEqual([['a running'], [], ['a exited']]);
    expect(snapshotsFrom(1).map(isPartial)).toEqual([true, true, true, false]);
    expectOrder(snapshotsFrom(1));
  });

  test.each(ENDS)(
    'during a snapshot call that %s, the changes in the snapshot are recorded before later changes',
    async (_, reaction) => {
      const release = fixture.muster.hold(Paths.agentContainers);
      fixture.engine.pause(fixture.engine.idOf('c')!);
      await fixture.muster.until(() => fixture.muster.snapshots.length === 2);
      const requests = fixture.muster.receivedRequests.length;
      // The snapshot in flight is recorded as the first entry of the journal.
      await makeThreeChanges(1);
      expect(fixture.muster.receivedRequests).toHaveLength(requests);
      release(reaction);
      await fixture.muster.until(isReplayComplete(2));
      expect(snapshotsFrom(2).map(namesWithStates).slice(0, 4)).toEqual([
        ['c paused'],
        ['a running'],
        [],
        ['a exited'],
      ]);
      expect(snapshotsFrom(2).map(isPartial)).toEqual([true, true, true, true, false]);
      expectOrder(snapshotsFrom(1));
    },
  );

  test.each(ENDS)(
    'during the call for a journal entry that %s, later changes are appended to the journal',
    async (_, reaction) => {
      fixture.muster.queueReactions(Paths.agentContainers, 'reset');
      const release = fixture.muster.hold(Paths.agentContainers);
      fixture.engine.pause(fixture.engine.idOf('c')!);
      await fixture.muster.until(() => fixture.muster.snapshots.length === 3);
      await makeThreeChanges(1);
      release(reaction);
      await fixture.muster.until(isReplayComplete(3));
      // If the answer to the first entry was lost, the entry is sent again unchanged.
      const bySequence = new Map(partials().map((each) => [sequenceOf(each), namesWithStates(each)]));
      expect([...bySequence.values()]).toEqual([['c paused'], ['a running'], [], ['a exited']]);
      expect(namesWithStates(snapshotsFrom(3).at(-1)!).sort()).toEqual(['a exited', 'c paused']);
    },
  );

  test('a stopped agent sends the recorded changes in its next run', async () => {
    fixture.muster.hold(Paths.agentContainers);
    fixture.engine.pause(fixture.engine.idOf('c')!);
    await fixture.muster.until(() => fixture.muster.snapshots.length === 2);
    await makeThreeChanges(1);
    await fixture.stopAll();
    fixture.run();
    await fixture.muster.until(isReplayComplete(2));
    expect(snapshotsFrom(2).map(namesWithStates).slice(0, 4)).toEqual([['c paused'], ['a running'], [], ['a exited']]);
  });
});

test('the API receives the current state even if changes are faster than its responses', async () => {
  fixture.muster.answerDelayMs = 150;
  fixture.run();
  await fixture.muster.until(() => fixture.muster.snapshots.length === 1);
  const b = fixture.engine.idOf('b')!;
  let isPaused = false;
  const changeTimer = setInterval(() => {
    fixture.engine[isPaused ? 'unpause' : 'pause'](b);
    isPaused = !isPaused;
  }, 40);
  try {
    const completeCount = (): number => fixture.muster.snapshots.length - partials().length;
    await fixture.muster.until(() => completeCount() >= 4 && partials().length > 4);
  } finally {
    clearInterval(changeTimer);
  }
});
