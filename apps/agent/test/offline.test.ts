import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { Paths, type Container } from '@muster/contracts';
import { openRig, type Rig } from './fixture.js';
import { problem, type ReceivedRequest, type Reaction } from './scripted-muster.js';

/**
 * The header of the responses that simulate an outage. Tests change the engine's containers during the second in which
 * the agent waits.
 */
const RETRY_AFTER: Record<string, string> = { 'retry-after': '1' };

let rig: Rig;
beforeEach(async () => {
  rig = await openRig({ roles: ['a', 'b', 'c'].map((name) => ({ name, temper: 'steady' as const })) });
  rig.muster.cadence = { heartbeatSeconds: 0.2, snapshotSeconds: 60 };
});
afterEach(() => rig.close());

const sequenceOf = ({ headers }: ReceivedRequest): number => Number(headers['snapshot-sequence']);
const isPartial = ({ headers }: ReceivedRequest): boolean => headers['snapshot-complete'] === 'false';
const partials = (): ReceivedRequest[] => rig.muster.snapshots.filter(isPartial);
const statesIn = ({ json }: ReceivedRequest): string[] =>
  (json as Container[]).map(({ name, state }) => `${name} ${state}`);
/**
 * Waits until the journal on disk has `entries` lines. Entries that are only in memory are lost when the agent ends.
 */
const untilJournalHas = (entries: number): Promise<void> => untilTrue(() => journalLineCount() === entries);
function journalLineCount(): number {
  const path = join(rig.dir, 'state', 'journal.ndjson');
  return existsSync(path) ? readFileSync(path, 'utf8').split('\n').length - 1 : 0;
}

async function untilTrue(condition: () => boolean): Promise<void> {
  const until = Date.now() + 15_000;
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

/** Runs the agent, takes the API down, makes three changes in the engine and brings the API back. */
async function simulateOutage(): Promise<void> {
  rig.run();
  await rig.muster.until(() => rig.muster.snapshots.length === 1);
  await untilTrue(() => rig.engineServer.calls.events > 0);
  rig.muster.setReaction(Paths.agentContainers, problem(503, 'about:blank', RETRY_AFTER));
  rig.muster.setReaction(Paths.agentHeartbeat, problem(503, 'about:blank', RETRY_AFTER));
  await untilTrue(() => rig.logged.some(({ msg }) => msg === 'the call to the API failed'));
  rig.engine.stop(rig.engine.idOf('a')!);
  await untilJournalHas(1);
  rig.engine.remove(rig.engine.idOf('b')!);
  await untilJournalHas(2);
  rig.engine.start(rig.engine.idOf('a')!);
  await untilJournalHas(3);
  rig.muster.setReaction(Paths.agentContainers, null);
  rig.muster.setReaction(Paths.agentHeartbeat, null);
}

describe('after the API was unreachable', () => {
  test('the recorded changes are sent first, in order, followed by one complete snapshot', async () => {
    await simulateOutage();
    const answered = (): ReceivedRequest[] => rig.muster.snapshots.slice(rig.muster.snapshots.findIndex(isPartial));
    await rig.muster.until(() => partials().length >= 3 && !isPartial(rig.muster.snapshots.at(-1)!));
    const received = answered();
    expect(received.map(statesIn)).toEqual([['a exited'], [], ['a running'], expect.arrayContaining(['a running'])]);
    expect(received[1]!.headers['snapshot-gone']).toMatch(/^[0-9a-f]{64}$/);
    expect(statesIn(received[3]!)).toHaveLength(2);
    expectOrder(received);
  });

  test('an entry is sent again unchanged if the answer to it is lost', async () => {
    await simulateOutage();
    await rig.muster.until(() => partials().length >= 1);
    const [first] = partials();
    expect(first).toBeDefined();
    rig.muster.queueReactions(Paths.agentContainers, 'reset');
    await rig.muster.until(() => !isPartial(rig.muster.snapshots.at(-1)!));
    const bySequence = new Map<number, string>();
    for (const part of partials()) {
      const text = part.raw.toString('base64');
      expect(bySequence.get(sequenceOf(part)) ?? text).toBe(text);
      bySequence.set(sequenceOf(part), text);
    }
    expect(bySequence.size).toBe(3);
  });

  test('the changes that a killed run recorded are sent by the next run', async () => {
    rig.run();
    await rig.muster.until(() => rig.muster.snapshots.length === 1);
    const first = rig.muster.snapshots[0]!;
    rig.muster.setReaction(Paths.agentContainers, 'reset');
    rig.muster.setReaction(Paths.agentHeartbeat, problem(503, 'about:blank', { 'retry-after': '60' }));
    await untilTrue(() => rig.logged.some(({ msg }) => msg === 'the call to the API failed'));
    rig.engine.stop(rig.engine.idOf('a')!);
    await untilJournalHas(1);
    rig.engine.start(rig.engine.idOf('a')!);
    await untilJournalHas(2);
    await rig.stopAll();
    rig.muster.setReaction(Paths.agentContainers, null);
    rig.muster.setReaction(Paths.agentHeartbeat, null);
    const countBefore = rig.muster.snapshots.length;
    rig.run();
    await rig.muster.until(() => rig.muster.snapshots.length > countBefore && !isPartial(rig.muster.snapshots.at(-1)!));
    const received = rig.muster.snapshots.slice(countBefore);
    expect(received.map(isPartial)).toEqual([true, true, false]);
    expect(received.slice(0, 2).map(statesIn)).toEqual([['a exited'], ['a running']]);
    const streams = received.map(({ headers }) => headers['snapshot-stream']);
    expect(streams.slice(0, 2)).toEqual([first.headers['snapshot-stream'], first.headers['snapshot-stream']]);
    expect(streams[2]).not.toBe(streams[0]);
  });
});

test('after an agent was killed during its replay, the next run sends only the unsent entries', async () => {
  await simulateOutage();
  const release = rig.muster.hold(Paths.agentContainers);
  release(null);
  rig.muster.hold(Paths.agentContainers);
  await rig.muster.until(() => partials().length === 2);
  await rig.stopAll();
  const countBefore = rig.muster.snapshots.length;
  rig.run();
  await rig.muster.until(() => rig.muster.snapshots.length > countBefore && !isPartial(rig.muster.snapshots.at(-1)!));
  const resentSequences = rig.muster.snapshots.slice(countBefore).filter(isPartial).map(sequenceOf);
  const [answered, unanswered] = partials().map(sequenceOf);
  expect(resentSequences[0]).toBe(unanswered);
  expect(resentSequences).not.toContain(answered);
});

test('entries recorded before a run of `once` are never sent, because the stream of that run superseded theirs', async () => {
  await simulateOutage();
  rig.muster.hold(Paths.agentContainers);
  await rig.muster.until(() => partials().length === 1);
  await rig.stopAll();
  const countBefore = rig.muster.snapshots.length;
  await rig.once();
  rig.run();
  await rig.muster.until(() => rig.muster.snapshots.length === countBefore + 2);
  expect(rig.muster.snapshots.slice(countBefore).filter(isPartial)).toEqual([]);
});

describe('while a call waits for its answer', () => {
  const ENDS: [string, Reaction | null][] = [
    ['is answered late', null],
    ['is reset', 'reset'],
  ];
  const snapshotsFrom = (from: number): ReceivedRequest[] => rig.muster.snapshots.slice(from);
  const isReplayComplete = (from: number) => (): boolean =>
    snapshotsFrom(from).some(isPartial) && !isPartial(snapshotsFrom(from).at(-1)!);

  /** Makes three changes and waits until each is in the journal on disk, after `entriesBefore` earlier entries. */
  async function makeThreeChanges(entriesBefore: number): Promise<void> {
    rig.engine.start(rig.engine.idOf('a')!);
    await untilJournalHas(entriesBefore + 1);
    rig.engine.remove(rig.engine.idOf('b')!);
    await untilJournalHas(entriesBefore + 2);
    rig.engine.stop(rig.engine.idOf('a')!);
    await untilJournalHas(entriesBefore + 3);
  }

  beforeEach(async () => {
    rig.engine.stop(rig.engine.idOf('a')!);
    rig.run();
    await rig.muster.until(() => rig.muster.snapshots.length === 1);
    await untilTrue(() => rig.engineServer.calls.events > 0);
  });

  test.each(ENDS)(
    'during a heartbeat that %s, each change is recorded and later sent in order',
    async (_, reaction) => {
      const release = rig.muster.hold(Paths.agentHeartbeat);
      const heartbeatsBefore = rig.muster.heartbeats.length;
      await rig.muster.until(() => rig.muster.heartbeats.length > heartbeatsBefore);
      const [requests, lists] = [rig.muster.receivedRequests.length, rig.engineServer.calls.list];
      await makeThreeChanges(0);
      expect(rig.muster.receivedRequests).toHaveLength(requests);
      expect(rig.engineServer.calls.list).toBe(lists + 3);
      release(reaction);
      await rig.muster.until(isReplayComplete(1));
      expect(snapshotsFrom(1).map(statesIn).slice(0, 3)).toEqual([['a running'], [], ['a exited']]);
      expect(snapshotsFrom(1).map(isPartial)).toEqual([true, true, true, false]);
      expectOrder(snapshotsFrom(1));
    },
  );

  test.each(ENDS)(
    'during a snapshot call that %s, the changes in that snapshot are recorded first, and then the later changes',
    async (_, reaction) => {
      const release = rig.muster.hold(Paths.agentContainers);
      rig.engine.pause(rig.engine.idOf('c')!);
      await rig.muster.until(() => rig.muster.snapshots.length === 2);
      const requests = rig.muster.receivedRequests.length;
      // The snapshot in flight is also recorded. Its entry is the first in the journal.
      await makeThreeChanges(1);
      expect(rig.muster.receivedRequests).toHaveLength(requests);
      release(reaction);
      await rig.muster.until(isReplayComplete(2));
      expect(snapshotsFrom(2).map(statesIn).slice(0, 4)).toEqual([['c paused'], ['a running'], [], ['a exited']]);
      expect(snapshotsFrom(2).map(isPartial)).toEqual([true, true, true, true, false]);
      expectOrder(snapshotsFrom(1));
    },
  );

  test.each(ENDS)(
    'during the call for a journal entry that %s, later changes are appended to the journal',
    async (_, reaction) => {
      rig.muster.queueReactions(Paths.agentContainers, 'reset');
      const release = rig.muster.hold(Paths.agentContainers);
      rig.engine.pause(rig.engine.idOf('c')!);
      await rig.muster.until(() => rig.muster.snapshots.length === 3);
      await makeThreeChanges(1);
      release(reaction);
      await rig.muster.until(isReplayComplete(3));
      // If the answer to the first entry was lost, the entry is sent again unchanged.
      const bySequence = new Map(partials().map((each) => [sequenceOf(each), statesIn(each)]));
      expect([...bySequence.values()]).toEqual([['c paused'], ['a running'], [], ['a exited']]);
      expect(statesIn(snapshotsFrom(3).at(-1)!).sort()).toEqual(['a exited', 'c paused']);
    },
  );

  test('an agent that is stopped sends the recorded changes in its next run', async () => {
    rig.muster.hold(Paths.agentContainers);
    rig.engine.pause(rig.engine.idOf('c')!);
    await rig.muster.until(() => rig.muster.snapshots.length === 2);
    await makeThreeChanges(1);
    await rig.stopAll();
    rig.run();
    await rig.muster.until(isReplayComplete(2));
    expect(snapshotsFrom(2).map(statesIn).slice(0, 4)).toEqual([['c paused'], ['a running'], [], ['a exited']]);
  });
});

test('the API receives the current state even if changes are faster than its answers', async () => {
  rig.muster.answerDelayMs = 150;
  rig.run();
  await rig.muster.until(() => rig.muster.snapshots.length === 1);
  const b = rig.engine.idOf('b')!;
  let isPaused = false;
  const changeTimer = setInterval(() => {
    rig.engine[isPaused ? 'unpause' : 'pause'](b);
    isPaused = !isPaused;
  }, 40);
  try {
    const completeCount = (): number => rig.muster.snapshots.length - partials().length;
    await rig.muster.until(() => completeCount() >= 4 && partials().length > 4);
  } finally {
    clearInterval(changeTimer);
  }
});
