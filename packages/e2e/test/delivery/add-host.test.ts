/** Copies the commands of the page "Add a host" in a real browser, and runs them in a shell. */
import { spawnSync } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals';
import { eventually, hasDockerEngine, isAvailable, runIf, startCommand, startDockerEngine } from '@muster/testkit';
import { startReplayedEngine } from '@muster/testkit/engine-replay';
import { buildAgentRelease } from '../support/agent-release.js';
import { describeInChromium, startDashboard, useBrowserPage, type Dashboard } from '../support/browser.js';
import { openDockerMachine, openPodmanMachine, type EngineMachine } from '../support/engine-machine.js';

const podmanVersion = spawnSync('podman', ['--version']);
const hasPodman = isAvailable(
  podmanVersion.status === 0 && process.getuid?.() === 0
    ? null
    : 'Podman is not installed, or the tests do not run as root: apt-get install podman runc',
);

describeInChromium('the commands of the page “Add a host”', () => {
  const visit = useBrowserPage();
  let dir: string;
  let dashboard: Dashboard;

  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), 'muster-add-host-'));
    dashboard = await startDashboard(null, { MUSTER_AGENT_RELEASE_DIR: buildAgentRelease() });
  }, 400_000);
  afterEach(async () => {
    for (const { id } of await dashboard.muster.hosts()) await dashboard.muster.deleteHost(id);
  });
  afterAll(async () => {
    await dashboard.close();
    await rm(dir, { recursive: true, force: true });
  });

  /** Creates a token on the page, and copies the command of a tab. */
  async function copyCommand(tab: string): Promise<string> {
    const { context, page } = visit;
    await dashboard.signIn(context);
    await context.grantPermissions(['clipboard-read', 'clipboard-write']);
    await page.goto(`${dashboard.url}/add-host`);
    await page.getByRole('button', { name: 'Create token' }).click();
    await page.getByRole('tab', { name: tab }).click();
    await page.getByRole('button', { name: `Copy command for ${tab}` }).click();
    await page.getByText('the address in your browser').waitFor();
    await page.getByText('Other machines cannot reach this address').waitFor();
    return page.evaluate('navigator.clipboard.readText()');
  }

  /** Waits until the page shows the host. Returns the names of the host's containers. */
  async function hostContainers(): Promise<string[]> {
    await visit.page.getByRole('heading', { name: 'Host connected' }).waitFor();
    const names = await eventually(async () => {
      expect(await dashboard.muster.host()).toMatchObject({ freshness: 'online', problems: [] });
      return (await dashboard.muster.containers()).map(({ name }) => name);
    }, 60_000);
    return names.sort();
  }

  /** Runs a command that must succeed. */
  async function runOn(machine: EngineMachine, command: string): Promise<string> {
    const { code, stdout, stderr } = await machine.run(command);
    // If the command failed, its output shows why.
    expect({ code, stderr: code === 0 ? '' : stderr }).toEqual({ code: 0, stderr: '' });
    return stdout;
  }

  /** Checks that the agent's container has no rights except access to the socket. */
  async function expectFewRights(machine: EngineMachine, engine: string): Promise<void> {
    const state = await runOn(machine, `${engine} inspect --format '{{.State.Pid}}' muster-agent`);
    const status = await runOn(machine, `cat /proc/${state.trim()}/status`);
    expect(status).toMatch(/^Uid:\t65532\t65532\t65532\t65532$/m);
    expect(status).toMatch(/^CapEff:\t0000000000000000$/m);
    expect(status).toMatch(/^NoNewPrivs:\t1$/m);
    const inspected = await runOn(machine, `${engine} inspect --format '{{.HostConfig.ReadonlyRootfs}}' muster-agent`);
    expect(inspected.trim()).toBe('true');
  }

  test('install the agent on a machine with curl', async () => {
    const socketPath = join(dir, 'engine.sock');
    const engine = await startReplayedEngine({ capturedEngine: 'docker-28.5', listen: { socketPath }, seed: 1 });
    const bin = join(dir, 'sudo');
    await mkdir(bin);
    // The script runs as root, but installs everything below this directory.
    await writeFile(join(bin, 'sudo'), `#!/bin/sh\nexec "$@" --root '${dir}/machine'\n`, { mode: 0o755 });
    const command = await copyCommand('Linux service');
    const shell = startCommand(['sh', '-c', command], {
      env: { PATH: `${bin}:${process.env['PATH']}`, DOCKER_HOST: `unix://${socketPath}` },
    });
    expect([await shell.ended, shell.stderr()]).toEqual([0, '']);
    // With `--root`, the script starts no service, so the host reports only once.
    await visit.page.getByRole('heading', { name: 'Host connected' }).waitFor();
    await eventually(async () => expect((await dashboard.muster.host()).containerCount).toBe(24));
    await engine.close();
  });

  runIf(hasDockerEngine(), test)('run the agent on a machine with Docker only', async () => {
    const engine = await startDockerEngine();
    await mkdir(join(dir, 'docker'));
    const machine = await openDockerMachine(engine.socketPath, join(dir, 'docker'), dashboard.url);
    try {
      await engine.run('shop');
      const command = await copyCommand('Docker');
      await runOn(machine, command);
      expect(await hostContainers()).toEqual(['muster-agent', 'shop']);
      await expectFewRights(machine, 'docker');

      // The command replaces the container, but the volume keeps the enrollment. The token has no uses left, but the
      // agent does not need it again.
      const { id } = await dashboard.muster.host();
      await runOn(machine, command);
      await eventually(
        async () => expect((await dashboard.muster.containers('&state=running')).length).toBe(2),
        60_000,
      );
      expect((await dashboard.muster.host()).id).toBe(id);
    } finally {
      await engine.docker('rm', '--force', 'muster-agent');
      await machine.close();
      await engine.close();
    }
  });

  runIf(hasPodman, test)('run the agent on a machine with Podman', async () => {
    await mkdir(join(dir, 'podman'));
    const machine = await openPodmanMachine(join(dir, 'podman'), dashboard.url);
    try {
      await runOn(machine, await copyCommand('Podman'));
      await hostContainers().catch(async (error: unknown) => {
        throw new Error(`${(error as Error).message}\n${(await machine.run('podman logs muster-agent 2>&1')).stdout}`);
      });
      expect(await hostContainers()).toEqual(['muster-agent']);
      await expectFewRights(machine, 'podman');
    } finally {
      await machine.close();
    }
  });
});
