import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { Paths, formatToken } from '@muster/contracts';
import { openFixture, type Fixture } from './fixture.js';
import { problem, tokenInvalid } from './scripted-muster.js';

const NEXT_TOKEN = formatToken('agent', new Uint8Array(32).fill(77));

let fixture: Fixture;
beforeEach(async () => {
  fixture = await openFixture();
  fixture.muster.cadence = { heartbeatSeconds: 0.1, snapshotSeconds: 60 };
  fixture.muster.setReaction(Paths.agentToken, {
    status: 201,
    json: { agentToken: NEXT_TOKEN, cadence: fixture.muster.cadence },
  });
});
afterEach(() => fixture.close());

interface StoredState {
  enrollment: { agentToken: string; previousToken: string | null; issuedAt: string };
}
const statePath = () => join(fixture.variables['MUSTER_STATE_DIR']!, 'agent.json');
const storedEnrollment = async () => (JSON.parse(await readFile(statePath(), 'utf8')) as StoredState).enrollment;

/** Enrolls and sets the token's age in days. */
async function enrolledDaysAgo(days: number): Promise<string> {
  await fixture.once();
  const state = JSON.parse(await readFile(statePath(), 'utf8')) as StoredState;
  state.enrollment.issuedAt = new Date(Date.now() - days * 86_400_000).toISOString();
  await writeFile(statePath(), JSON.stringify(state));
  return state.enrollment.agentToken;
}

const rotations = () => fixture.muster.requestsTo(Paths.agentToken);

describe('a token', () => {
  test('is replaced by a new token when it is old enough', async () => {
    const old = await enrolledDaysAgo(31);
    fixture.run();
    await fixture.muster.until(
      () => fixture.muster.heartbeats.filter(({ token }) => token === NEXT_TOKEN).length === 2,
    );
    expect(rotations().map(({ token }) => token)).toEqual([old]);
    expect(await storedEnrollment()).toMatchObject({ agentToken: NEXT_TOKEN, previousToken: old });
  });

  test('is kept while it is recent, or if rotation is turned off', async () => {
    await enrolledDaysAgo(20);
    fixture.run();
    await fixture.muster.until(() => fixture.muster.heartbeats.length === 3);
    expect(rotations()).toHaveLength(0);
    await fixture.close();

    fixture = await openFixture();
    fixture.muster.cadence = { heartbeatSeconds: 0.1, snapshotSeconds: 60 };
    await enrolledDaysAgo(4_000);
    fixture.run({ MUSTER_TOKEN_DAYS: '0' });
    await fixture.muster.until(() => fixture.muster.heartbeats.length === 3);
    expect(rotations()).toHaveLength(0);
  });

  test('is not rotated in the first minutes after the start, so that the API can first detect a copy of this machine', async () => {
    await fixture.close();
    fixture = await openFixture({ rotationMs: 60_000 });
    fixture.muster.cadence = { heartbeatSeconds: 0.1, snapshotSeconds: 60 };
    await enrolledDaysAgo(31);
    fixture.run();
    await fixture.muster.until(() => fixture.muster.heartbeats.length === 3);
    expect(rotations()).toHaveLength(0);
  });

  test('is not rotated while another machine reports with the same token', async () => {
    await enrolledDaysAgo(31);
    const state = JSON.parse(await readFile(statePath(), 'utf8')) as StoredState;
    await writeFile(statePath(), JSON.stringify({ ...state, enrollment: { ...state.enrollment, isSuperseded: true } }));
    const superseded = { ...fixture.muster.summary(24), applied: false, reason: 'stream_superseded', digest: null };
    fixture.muster.setReaction(Paths.agentContainers, { status: 200, json: superseded });
    const agent = fixture.run();
    await fixture.muster.until(() => fixture.muster.heartbeats.length === 3);
    await agent.stop();
    expect(rotations()).toHaveLength(0);
    fixture.muster.setReaction(Paths.agentContainers, null);
    fixture.run();
    await fixture.muster.until(() => rotations().length === 1);
  });

  test('stays in use if a rotation fails, and the next attempt follows after a long wait', async () => {
    const old = await enrolledDaysAgo(31);
    fixture.muster.setReaction(Paths.agentToken, problem(503));
    fixture.run();
    await fixture.muster.until(() => fixture.muster.heartbeats.length === 3);
    expect(rotations()).toHaveLength(1);
    expect(fixture.muster.heartbeats.every(({ token }) => token === old)).toBe(true);
    expect(await storedEnrollment()).toMatchObject({ agentToken: old, previousToken: null });
  });

  test('that became invalid before its first use is replaced by the previous token', async () => {
    const old = await enrolledDaysAgo(1);
    const state = JSON.parse(await readFile(statePath(), 'utf8')) as StoredState;
    state.enrollment = { ...state.enrollment, agentToken: NEXT_TOKEN, previousToken: old };
    await writeFile(statePath(), JSON.stringify(state));
    fixture.muster.queueReactions(Paths.agentContainers, tokenInvalid);
    fixture.run();
    await fixture.muster.until(() => fixture.muster.snapshots.length === 3);
    expect(fixture.muster.snapshots.slice(1).map(({ token }) => token)).toEqual([NEXT_TOKEN, old]);
    await fixture.muster.until(() => fixture.muster.heartbeats.length > 0);
    expect(fixture.muster.requestsTo(Paths.agentEnroll)).toHaveLength(1);
    expect(await storedEnrollment()).toMatchObject({ agentToken: old, previousToken: NEXT_TOKEN });
  });

  test('that a restored database does not contain is replaced by the previous token', async () => {
    const old = await enrolledDaysAgo(31);
    const before = fixture.run();
    await fixture.muster.until(
      () => fixture.muster.heartbeats.filter(({ token }) => token === NEXT_TOKEN).length === 2,
    );
    await before.stop();
    const answered = fixture.muster.snapshots.length;
    fixture.muster.queueReactions(Paths.agentContainers, tokenInvalid);
    const after = fixture.run({ MUSTER_ENROLL_TOKEN: '' });
    await fixture.muster.until(() => fixture.muster.snapshots.length === answered + 2);
    expect(fixture.muster.snapshots.slice(answered).map(({ token }) => token)).toEqual([NEXT_TOKEN, old]);
    await fixture.muster.until(() => fixture.muster.heartbeats.at(-1)!.token === old);
    await after.stop();
    // The agent keeps the newer token, which may still be valid: the two calls may have reached different servers.
    expect(await storedEnrollment()).toMatchObject({ agentToken: old, previousToken: NEXT_TOKEN });
  });

  test('is kept, with the previous token, if the API rejects both tokens', async () => {
    const old = await enrolledDaysAgo(1);
    const state = JSON.parse(await readFile(statePath(), 'utf8')) as StoredState;
    state.enrollment = { ...state.enrollment, agentToken: NEXT_TOKEN, previousToken: old };
    await writeFile(statePath(), JSON.stringify(state));
    fixture.muster.setReaction(Paths.agentContainers, tokenInvalid);
    await expect(fixture.once({ MUSTER_ENROLL_TOKEN: '' })).rejects.toMatchObject({ exitCode: 3 });
    expect(await storedEnrollment()).toMatchObject({ agentToken: NEXT_TOKEN, previousToken: old });
  });

  test('makes the agent delete the previous token a month after the API first accepted the new token', async () => {
    const old = await enrolledDaysAgo(1);
    const state = JSON.parse(await readFile(statePath(), 'utf8')) as StoredState;
    const acceptedAt = new Date(Date.now() - 31 * 86_400_000).toISOString();
    const enrollment = { ...state.enrollment, agentToken: NEXT_TOKEN, previousToken: old, acceptedAt };
    await writeFile(statePath(), JSON.stringify({ ...state, enrollment }));
    await fixture.once();
    expect(await storedEnrollment()).toMatchObject({ agentToken: NEXT_TOKEN, previousToken: null });
  });
});

describe('a state file of an earlier release', () => {
  test('contains a token that counts as new, so that the token is not rotated immediately', async () => {
    await fixture.once();
    const state = JSON.parse(await readFile(statePath(), 'utf8')) as { enrollment: Partial<StoredState['enrollment']> };
    delete state.enrollment.issuedAt;
    delete state.enrollment.previousToken;
    await writeFile(statePath(), JSON.stringify(state));
    fixture.run();
    await fixture.muster.until(() => fixture.muster.heartbeats.length === 2);
    expect(rotations()).toHaveLength(0);
    expect(fixture.muster.requestsTo(Paths.agentEnroll)).toHaveLength(1);
  });
});
