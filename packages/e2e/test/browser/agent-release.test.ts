/** The agent release on the pages “Add a host” and “Hosts”, while the server builds the release in the background. */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { MUSTER_VERSION } from '@muster/contracts';
import { eventually } from '@muster/testkit';
import { findViolations } from '../support/axe.js';
import {
  describeInChromium,
  LONG_CADENCE,
  overflowOf,
  startDashboard,
  useBrowserPage,
  type Dashboard,
} from '../support/browser.js';
import { enrollRawHost } from '../support/host.js';

const SCREENSHOT_DIRECTORY = fileURLToPath(new URL('../../pictures/', import.meta.url));

const RELEASE = 'apps/agent/release';

/**
 * Replaces the real build, which takes a minute. Waits until there is a file `fail` or `go`, and then fails or
 * succeeds.
 */
const BUILD = `until [ -e go ] || [ -e fail ]; do sleep 0.1; done
if [ -e fail ]; then echo 'no space left' >&2; exit 1; fi
mkdir -p apps/agent && cp -R built ${RELEASE}`;

describeInChromium('the agent release', () => {
  const visit = useBrowserPage();
  /** The working directory of the API. */
  let dir: string;
  let dashboard: Dashboard;

  beforeAll(async () => {
    await mkdir(SCREENSHOT_DIRECTORY, { recursive: true });
    dir = await mkdtemp(join(tmpdir(), 'muster-agent-release-'));
    await mkdir(join(dir, 'built'));
    const bill = { metadata: { component: { version: MUSTER_VERSION } } };
    await writeFile(join(dir, 'built/sbom.cdx.json'), JSON.stringify(bill));
    await writeFile(join(dir, 'built/install.sh'), '#!/bin/sh\n');
    const names = ['muster-agent-linux-x64', 'muster-agent-linux-arm64', 'muster-agent-image-linux-x64.tar'];
    await writeFile(join(dir, 'built/SHA256SUMS'), names.map((name) => `00ff  ${name}\n`).join(''));
    const env = { MUSTER_AGENT_RELEASE_DIR: RELEASE, MUSTER_AGENT_RELEASE_BUILD_COMMAND: BUILD, LOG_LEVEL: 'silent' };
    dashboard = await startDashboard(null, { ...LONG_CADENCE, ...env }, dir);
  });
  afterAll(async () => {
    await dashboard.close();
    await rm(dir, { recursive: true, force: true });
  });
  beforeEach(() => dashboard.signIn(visit.context));

  /** Restarts the API, which has no release and starts a build. */
  async function restartWithoutRelease(): Promise<void> {
    await dashboard.muster.stop();
    for (const name of ['go', 'fail', RELEASE]) await rm(join(dir, name), { recursive: true, force: true });
    await dashboard.muster.start();
  }

  /** Lets the build end. */
  const endBuild = (result: 'go' | 'fail'): Promise<void> => writeFile(join(dir, result), '');

  /** Opens the page “Add a host” and creates a token, so that the page shows the commands. */
  async function openCommands(): Promise<void> {
    await visit.page.goto(`${dashboard.url}/add-host`);
    await visit.page.getByRole('button', { name: 'Create token' }).click();
  }

  const notes = (text: string) => visit.page.getByRole('status').filter({ hasText: text });
  const tabs = () => visit.page.getByRole('tab').allInnerTexts();

  /** Saves a picture of the page, which fits a phone and has no accessibility violations. */
  async function checkPage(name: string): Promise<void> {
    for (const width of [360, 1280]) {
      await visit.page.setViewportSize({ width, height: 900 });
      expect([width, await overflowOf(visit.page)]).toEqual([width, 0]);
      await visit.page.screenshot({ path: join(SCREENSHOT_DIRECTORY, `${name}-${width}.png`) });
    }
    expect(await findViolations(visit.page)).toEqual([]);
  }

  test('is announced on “Add a host” while it is built, and commands replace the announcement after the build', async () => {
    await openCommands();
    const preparing = notes('The agent’s installer is being prepared');
    await preparing.waitFor();
    expect(await tabs()).toEqual(['Node.js']);
    await checkPage('add-host-preparing');
    await endBuild('go');
    await visit.page.getByRole('tab', { name: 'Linux service' }).waitFor();
    expect(await tabs()).toEqual(['Linux service', 'Docker', 'Podman', 'Node.js']);
    expect(await preparing.count()).toBe(0);
    await checkPage('add-host-ready');
  });

  test('is explained on “Add a host” if it cannot be built, with advice on how to build it', async () => {
    await restartWithoutRelease();
    await openCommands();
    await notes('The agent’s installer is being prepared').waitFor();
    await endBuild('fail');
    const failed = notes('could not be prepared. The server’s log contains the reason.');
    await failed.waitFor();
    expect(await failed.innerText()).toContain('pnpm@12.21.0 --filter @muster/agent package');
    expect(await tabs()).toEqual(['Node.js']);
    await checkPage('add-host-failed');
  });

  test('is compared with the agents on “Hosts”, which counts and filters the outdated agents', async () => {
    const { page } = visit;
    const { muster } = dashboard;
    for (const [name, agentVersion] of [
      ['current', MUSTER_VERSION],
      ['by-hand', 'curl'],
      ['old', '0.1.0'],
    ] as const) {
      const host = await enrollRawHost(muster, { name, agentVersion });
      await host.sync([]);
    }
    // The current agent enrolled this host, and an older agent then replaced the current agent.
    const host = await enrollRawHost(muster, { name: 'downgraded', agentVersion: MUSTER_VERSION });
    await host.sync([]);
    await host.beat([], { agentVersion: '0.2.0' });

    await restartWithoutRelease();
    const rows = () => page.getByRole('table', { name: 'Hosts' }).locator('.row-name').allInnerTexts();
    const outdated = page.getByRole('button', { name: 'outdated agent' });
    await page.goto(`${dashboard.url}/hosts`);
    await eventually(async () => expect(await rows()).toEqual(['by-hand', 'current', 'downgraded', 'old']));
    expect(await outdated.count()).toBe(0);

    await endBuild('go');
    await eventually(async () =>
      expect(await dashboard.api.call('describeAgentRelease')).toMatchObject({ state: 'ready' }),
    );
    await page.reload();
    await outdated.waitFor();
    expect(await outdated.innerText()).toBe('2 outdated agents');
    await checkPage('hosts-outdated');
    await outdated.click();
    await eventually(async () => expect(await rows()).toEqual(['downgraded', 'old']));
    expect(new URL(page.url()).searchParams.getAll('agentVersion')).toEqual(['0.1.0', '0.2.0']);

    await host.beat([], { agentVersion: MUSTER_VERSION });
    await page.goto(`${dashboard.url}/hosts`);
    await page.getByRole('button', { name: '1 outdated agent', exact: true }).waitFor();
  });
});
