import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { Paths, ProblemTypes } from '@muster/contracts';
import { pino } from 'pino';
import { enrollMachine, leaveMuster } from '../src/agent.js';
import { status } from '../src/commands/status.js';
import { parseEnv, type AgentEnv } from '../src/env.js';
import { serveStatus } from '../src/status-socket.js';
import { openFixture, type Fixture } from './fixture.js';
import { hostileProblem, problem, tokenInvalid } from './scripted-muster.js';

const log = pino({ level: 'silent' });
const neverAborted = new AbortController().signal;

let fixture: Fixture;
beforeEach(async () => {
  fixture = await openFixture();
  const { hostId, cadence } = fixture.muster;
  fixture.muster.setReaction(Paths.agentToken, { status: 200, json: { hostId, cadence } });
});
afterEach(() => fixture.close());

function env(overrides: Record<string, string> = {}): AgentEnv {
  const parsed = parseEnv({ ...fixture.variables, ...overrides });
  if (!parsed.success) throw new Error(parsed.errors.join('\n'));
  return parsed.env;
}
const state = async (): Promise<unknown> =>
  (
    JSON.parse(await readFile(join(fixture.variables['MUSTER_STATE_DIR']!, 'agent.json'), 'utf8')) as {
      enrollment: unknown;
    }
  ).enrollment;

describe('enroll', () => {
  test('enrolls once and prints the host’s id', async () => {
    expect(await enrollMachine(env(), log, neverAborted)).toContain(`is enrolled: host ${fixture.muster.hostId}`);
    expect(await enrollMachine(env(), log, neverAborted)).toContain('was already enrolled');
    expect(fixture.muster.requestsTo(Paths.agentEnroll)).toHaveLength(1);
    expect(fixture.muster.snapshots).toHaveLength(0);
  });
});

describe('leave', () => {
  test('revokes the token and deletes the token from the state', async () => {
    await fixture.once();
    fixture.muster.setReaction(Paths.agentToken, { status: 204, text: '' });
    expect(await leaveMuster(env(), log, neverAborted)).toContain('has left');
    expect(await state()).toBeNull();
    expect(await leaveMuster(env(), log, neverAborted)).toBe('This machine is not enrolled.\n');
    expect(fixture.muster.requestsTo(Paths.agentToken)).toHaveLength(1);
  });

  test('keeps the token if the API cannot be reached, and succeeds if the token is already invalid', async () => {
    await fixture.once();
    fixture.muster.queueReactions(Paths.agentToken, problem(503), tokenInvalid);
    await expect(leaveMuster(env(), log, neverAborted)).rejects.toThrow('cannot revoke this machine’s token in Muster');
    expect(await state()).not.toBeNull();
    await leaveMuster(env(), log, neverAborted);
    expect(await state()).toBeNull();
  });
});

describe('leave, if the API knows that another machine uses the token,', () => {
  test('deletes the token from the state, and says how to revoke this token', async () => {
    await fixture.once();
    fixture.muster.queueReactions(Paths.agentToken, problem(409, ProblemTypes.conflict));
    const text = await leaveMuster(env(), log, neverAborted);
    expect(text).toContain('without revoking it, because another machine reports with it');
    expect(text).toContain('“Rotate agent token” on the host’s page');
    expect(await state()).toBeNull();
    expect(fixture.muster.requestsTo(Paths.agentToken)).toHaveLength(1);
  });
});

describe('leave, after another agent superseded this agent,', () => {
  test('deletes the token from the state without revoking it, because the other agent uses it', async () => {
    fixture.muster.cadence = { heartbeatSeconds: 60, snapshotSeconds: 0.1 };
    const agent = fixture.run();
    await fixture.muster.until(() => fixture.muster.snapshots.length === 1);
    fixture.muster.setReaction(Paths.agentContainers, { status: 200, json: superseded() });
    await fixture.muster.until(() => fixture.muster.snapshots.length === 3);
    await agent.stop();
    expect(await leaveMuster(env(), log, neverAborted)).toContain('another machine reports with it');
    expect(await state()).toBeNull();
    expect(fixture.muster.requestsTo(Paths.agentToken)).toHaveLength(0);
  });

  test('revokes the token as usual once the other agent has stopped', async () => {
    fixture.muster.cadence = { heartbeatSeconds: 60, snapshotSeconds: 0.1 };
    const agent = fixture.run();
    fixture.muster.queueReactions(Paths.agentContainers, { status: 200, json: superseded() });
    await fixture.muster.until(() => fixture.muster.snapshots.length === 3);
    await agent.stop();
    fixture.muster.setReaction(Paths.agentToken, { status: 204, text: '' });
    expect(await leaveMuster(env(), log, neverAborted)).toContain('has left');
    expect(fixture.muster.requestsTo(Paths.agentToken)).toHaveLength(1);
  });

  const superseded = () => ({
    hostId: fixture.muster.hostId,
    applied: false,
    reason: 'stream_superseded',
    received: 1,
    created: 0,
    updated: 0,
    unchanged: 0,
    removed: 0,
    revision: 1,
    digest: null,
    cadence: fixture.muster.cadence,
  });
});

describe('status', () => {
  test('describes the running agent, or says that no agent is running', async () => {
    expect(await status(env(), false)).toMatchObject({ exitCode: 1, text: expect.stringContaining('not enrolled') });
    const agent = fixture.run();
    await fixture.muster.until(() => fixture.muster.snapshots.length === 1);
    const running = await untilHealthy();
    expect(JSON.parse(running)).toMatchObject({
      running: { containers: 24, engine: { name: 'Docker' }, engineError: null, serverError: null, journalEntries: 0 },
      enrollment: { hostId: fixture.muster.hostId },
    });
    expect(running).not.toContain('muster_agent_');
    await agent.stop();
    expect((await status(env(), false)).text).toContain('No agent is running');
  });

  test('shows the number of shortened containers, and what to do if another machine uses the same token', async () => {
    const stateDir = fixture.variables['MUSTER_STATE_DIR']!;
    await mkdir(stateDir);
    const progress = { acceptedAt: null, containers: 24, engineError: null, serverError: null, journalEntries: 0 };
    const machine = { version: '0.1.0', pid: 1, startedAt: new Date().toISOString(), engineAddress: 'a', engine: null };
    const host = { hostName: 'edge-1', labels: { env: 'prod', site: 'fra' } };
    const enrollment = { musterUrl: 'http://muster', hostId: null, tokenIssuedAt: null };
    const running = { ...machine, ...host, ...enrollment, ...progress, problems: [], truncatedContainers: 0 };
    const served = await serveStatus(stateDir, () => ({ ...running, isSuperseded: true, truncatedContainers: 2 }));
    const { text, exitCode } = await status(env(), false);
    await served.close();
    expect(text).toContain('Containers with fields that exceed a limit and are shortened: 2.\n');
    expect(text).toContain('`muster-agent leave`, which keeps the token valid for the other machine');
    expect(text).toContain('Host: edge-1, labels: env=prod, site=fra.\n');
    expect(exitCode).toBe(1);

    const single = await serveStatus(stateDir, () => ({ ...running, isSuperseded: false }));
    const healthy = await status(env(), false);
    await single.close();
    expect(healthy.text).not.toContain('shortened');
    expect(healthy.exitCode).toBe(0);
  });

  test.each([false, true])('escapes control characters in a server’s message (JSON output: %s)', async (json) => {
    fixture.muster.setReaction(Paths.agentContainers, hostileProblem(503));
    fixture.run();
    for (;;) {
      const { text } = await status(env(), json);
      expect(text).not.toMatch(/(?!\n)[\p{Cc}\u202e]/u);
      if (text.includes('2J')) return;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  });

  async function untilHealthy(): Promise<string> {
    for (;;) {
      const { text, exitCode } = await status(env(), true);
      if (exitCode === 0) return text;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
});
