import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createConnection } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import {
  eventually,
  hasDockerEngine,
  mainOf,
  runIf,
  startDockerEngine,
  startProgram,
  type DockerEngine,
  type Program,
} from '@muster/testkit';
import { COMPARE_EVERY_MS, readFromEngine, fromMuster } from './comparable-containers.js';
import { startLink, type Link } from './link.js';
import { Muster } from '../support/muster.js';

/** Arguments for Node.js that offset the wall clock of a program by the value in the file WRONG_CLOCK_FILE. */
const WITH_WRONG_CLOCK = ['--import', fileURLToPath(new URL('wrong-clock.js', import.meta.url))];

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

/** An agent's request fails if it has no response after this time. */
const REQUEST_MS_MAX = 20_000;

/** The maximum recovery time: more than `REQUEST_MS_MAX` plus the agent's longest retry delay (one minute). */
const RECOVERY_MS_MAX = 120_000;

runIf(hasDockerEngine(), describe)('with a real Docker engine and an agent on a remote machine', () => {
  let dir: string;
  let engine: DockerEngine;
  let muster: Muster;
  let link: Link;
  let agent: Program;
  let stateDir: string;
  let wrongClockFile: string;
  let restarted: Awaited<ReturnType<typeof restartWithClockSetBack>>;
  const closers: (() => Promise<unknown>)[] = [];

  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), 'muster-outages-'));
    closers.unshift(() => rm(dir, { recursive: true, force: true }));
    [stateDir, wrongClockFile] = [join(dir, 'agent'), join(dir, 'wrong-clock')];
    await writeFile(wrongClockFile, '0');
    muster = new Muster(dir);
    closers.unshift(() => muster.stop());
    await muster.start();
    link = await startLink(muster.url, dir);
    closers.unshift(() => link.close());
    engine = await startDockerEngine();
    closers.unshift(() => engine.close());
    agent = startAgent(await muster.enrollmentToken());
    closers.unshift(() => agent.stop());
    for (const name of ['steady', 'replaced', 'touched']) await engine.run(name);
    restarted = await restartWithClockSetBack();
    await untilSame();
  }, 300_000);

  afterAll(async () => {
    for (const close of closers) await close();
  }, 300_000);

  afterEach(() => {
    // A failed test may have left the link cut.
    link.mend();
    expect(agent.stderr()).not.toContain('bug in the agent');
  });

  const startAgent = (enrollToken: string): Program =>
    startProgram(mainOf('agent'), {
      through: link.through,
      nodeArgs: WITH_WRONG_CLOCK,
      env: {
        ...{ MUSTER_URL: link.url, MUSTER_ENROLL_TOKEN: enrollToken, MUSTER_STATE_DIR: stateDir },
        ...{ DOCKER_HOST: engine.dockerHost, WRONG_CLOCK_FILE: wrongClockFile },
      },
    });

  /** Resolves when Muster's containers equal the engine's in every field. */
  const untilSame = (timeoutMs = 120_000, where = muster): Promise<void> =>
    eventually(
      async () => expect(fromMuster(await where.containers())).toEqual(await readFromEngine(engine)),
      timeoutMs,
      COMPARE_EVERY_MS,
    );

  /**
   * Starts a second agent for the engine, with its own API. Stops this agent, creates a container, and restarts the
   * agent with its clock set back by a day. The API accepts the reports of the restarted agent only after a minute, so
   * the other tests run in the meantime.
   */
  async function restartWithClockSetBack() {
    const [otherDir, clockFile] = [join(dir, 'other'), join(dir, 'other-clock')];
    await mkdir(otherDir);
    await writeFile(clockFile, '0');
    const other = new Muster(otherDir);
    closers.unshift(() => other.stop());
    await other.start();
    const env = {
      ...{ MUSTER_URL: other.url, MUSTER_ENROLL_TOKEN: await other.enrollmentToken() },
      ...{ MUSTER_STATE_DIR: join(otherDir, 'agent'), DOCKER_HOST: engine.dockerHost, WRONG_CLOCK_FILE: clockFile },
    };
    const start = (): Program => startProgram(mainOf('agent'), { nodeArgs: WITH_WRONG_CLOCK, env });
    const before = start();
    closers.unshift(() => before.stop());
    await untilSame(120_000, other);
    await before.stop('SIGKILL');
    await writeFile(clockFile, String(-DAY_MS));
    const unseenId = await engine.run('unseen-under-a-clock');
    const after = start();
    closers.unshift(() => after.stop());
    const reports = eventually(
      async () => expect(await other.containers('&q=unseen-under-a-clock')).toHaveLength(1),
      RECOVERY_MS_MAX,
      1_000,
    );
    // The test of the restarted agent awaits `reports` and handles its error.
    reports.catch(() => undefined);
    return { muster: other, agent: after, unseenId, reports };
  }

  /** Reads the agent's status socket. */
  const status = async (): Promise<{ serverError: string | null; journalEntries: number; isSuperseded: boolean }> =>
    JSON.parse(await text(createConnection(join(stateDir, 'status.sock')))) as never;

  const idOf = (name: string): Promise<string> => engine.docker('inspect', '--format', '{{.Id}}', name);

  describe('an engine that is killed together with its containers', () => {
    test('keeps its containers in Muster, with the state exited after the restart', async () => {
      const before = (await muster.containers()).map(({ dockerId }) => dockerId);
      await engine.kill();
      await eventually(async () => expect((await muster.host()).freshness).toBe('engine_down'), 60_000);
      expect((await muster.containers()).map(({ dockerId }) => dockerId)).toEqual(before);
      await engine.restart();
      await untilSame();
      await eventually(async () => expect((await muster.host()).freshness).toBe('online'), 60_000);
      const steady = await idOf('steady');
      expect((await muster.containers('&q=steady'))[0]).toMatchObject({ dockerId: steady, state: 'exited' });
      expect((await muster.history(steady)).at(-1)!.kind).toBe('exited');
      for (const name of ['steady', 'replaced', 'touched']) await engine.docker('start', name);
      await untilSame();
    });

    test('leaves no removed container in Muster, even if the engine is killed several times', async () => {
      for (let round = 0; round < 3; round++) {
        const id = await engine.run(`round-${round}`);
        if (round === 1) await untilSame();
        await engine.kill();
        await engine.restart();
        await engine.remove(id);
      }
      await engine.docker('start', 'steady');
      await untilSame();
      expect(await muster.containers('&q=round')).toEqual([]);
      expect(await muster.hosts()).toHaveLength(1);
    });
  });

  test('changes during a network outage are recorded later, in order and with their original times', async () => {
    for (const name of ['replaced', 'touched']) await engine.docker('start', name);
    await untilSame();
    const eventCountBefore = (await muster.history(await idOf('touched'))).length;
    const [old, touched] = [await idOf('replaced'), await idOf('touched')];
    link.cut();
    const cutAt = Date.now();
    // The agent's request hangs, so the agent has not detected the outage yet. In the meantime, it sends no other
    // request, but writes changes to its journal.
    for (const [entries, action] of [
      [1, 'kill'],
      [2, 'start'],
    ] as const) {
      await engine.docker(action, touched);
      await eventually(async () => expect((await status()).journalEntries).toBe(entries), 60_000);
    }
    const { serverError } = await status();
    // On a busy machine, the request may have failed in the meantime.
    if (Date.now() - cutAt < REQUEST_MS_MAX) expect(serverError).toBeNull();
    await eventually(async () => expect((await status()).serverError).not.toBeNull(), RECOVERY_MS_MAX);
    expect((await muster.host()).freshness).not.toBe('online');

    /** Performs an action and waits until the change is in the agent's journal, even while a request hangs. */
    const untilJournaled = async (act: () => Promise<unknown>): Promise<void> => {
      const { journalEntries } = await status();
      await act();
      await eventually(async () => expect((await status()).journalEntries).toBeGreaterThan(journalEntries), 60_000);
    };
    await untilJournaled(() => engine.docker('pause', touched));
    await untilJournaled(() => engine.docker('unpause', touched));
    await untilJournaled(() => engine.remove(old));
    await untilJournaled(() => engine.run('meanwhile'));
    const meanwhile = await idOf('meanwhile');
    await untilJournaled(() => engine.remove(meanwhile));
    const mendedAt = Date.now();
    // Muster has not received these changes.
    expect(await muster.history(touched)).toHaveLength(eventCountBefore);

    link.mend();
    await untilSame(RECOVERY_MS_MAX);
    await eventually(async () => expect((await muster.host()).freshness).toBe('online'), 60_000);
    const outageEvents = (await muster.history(touched)).slice(eventCountBefore);
    expect(outageEvents.map(({ kind }) => kind)).toEqual(['exited', 'started', 'paused', 'unpaused']);
    expect((await muster.history(meanwhile)).map(({ kind }) => kind)).toEqual(['created', 'removed']);
    expect((await muster.history(old)).at(-1)!.kind).toBe('removed');
    const times = outageEvents.map(({ observedAt }) => Date.parse(observedAt));
    expect(times).toEqual([...times].sort((a, b) => a - b));
    expect(times[0]).toBeGreaterThan(cutAt);
    expect(times.at(-1)).toBeLessThan(mendedAt + 1_000);
    expect(await status()).toMatchObject({ journalEntries: 0, serverError: null });
  }, 600_000);

  describe('a clock that is set', () => {
    const jumpClock = async (errorMs: number): Promise<void> => {
      await writeFile(wrongClockFile, String(errorMs));
      agent.child.kill('SIGUSR2');
    };
    afterEach(() => jumpClock(0));

    test.each([
      ['forty days ahead, beyond the age at which a token is rotated', 40 * DAY_MS],
      ['a day back', -DAY_MS],
    ])('%s does not affect containers, freshness or the order of events', async (what, errorMs) => {
      await jumpClock(errorMs);
      const name = `under-a-clock-${errorMs}`;
      const id = await engine.run(name);
      await untilSame();
      await jumpClock(-errorMs);
      await engine.docker('kill', id);
      await untilSame();
      // On a busy machine, the agent may list the container between its creation and its start.
      const kinds = (await muster.history(id)).map(({ kind }) => kind);
      expect([
        ['created', 'exited'],
        ['created', 'started', 'exited'],
      ]).toContainEqual(kinds);
      // On a busy machine, the host is stale while three heartbeats are late.
      await eventually(async () => expect((await muster.host()).freshness).toBe('online'), 60_000);
      expect(await muster.host()).toMatchObject({ cloneSuspectedAt: null });
      expect((await status()).isSuperseded).toBe(false);
      await engine.remove(id);
      await untilSame();
    });

    test('a day back during a restart of the agent delays its reports by at most two minutes', async () => {
      await restarted.reports;
      await untilSame(120_000, restarted.muster);
      await engine.remove(restarted.unseenId);
      await untilSame(120_000, restarted.muster);
      expect(await restarted.muster.hosts()).toHaveLength(1);
      expect((await restarted.muster.host()).cloneSuspectedAt).toBeNull();
      expect(restarted.agent.stderr()).not.toContain('bug in the agent');
    }, 300_000);
  });
});
