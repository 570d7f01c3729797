import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { eventually, startProgram, type Program } from '@muster/testkit';
import { cp, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describeInChromium, OWNER, startDashboard, useBrowserPage, type Dashboard } from '../support/browser.js';
import { freePort } from '../support/ports.js';

const REPOSITORY = fileURLToPath(new URL('../../../../', import.meta.url));
const WEB = join(REPOSITORY, 'apps/web');

/**
 * Copies the dashboard's sources, so that the test can edit them. The copy is inside the repository, because Vite
 * serves no files from outside the repository. It has the same depth as the original, because tsconfig.json refers to
 * another file by a relative path.
 */
async function copySources(): Promise<string> {
  const parent = join(REPOSITORY, '.muster');
  await mkdir(parent, { recursive: true });
  const copy = await mkdtemp(join(parent, 'dev-server-test-'));
  for (const name of ['index.html', 'package.json', 'tsconfig.json', 'vite.config.ts', 'bundle', 'public', 'src']) {
    await cp(join(WEB, name), join(copy, name), { recursive: true });
  }
  // Each package is linked separately, because Vite writes its cache to the copy's own node_modules directory.
  await mkdir(join(copy, 'node_modules'));
  const packages = (await readdir(join(WEB, 'node_modules'))).filter((name) => !name.startsWith('.'));
  for (const name of packages) await symlink(join(WEB, 'node_modules', name), join(copy, 'node_modules', name));
  return copy;
}

describeInChromium('the dashboard in development', () => {
  const visit = useBrowserPage();
  let dashboard: Dashboard;
  let vite: Program;
  let sources: string;
  let url: string;

  beforeAll(async () => {
    // The API uses the next higher port.
    const port = await freePort(2);
    url = `http://127.0.0.1:${port}`;
    sources = await copySources();
    vite = startProgram(join(WEB, 'node_modules/vite/bin/vite.js'), { args: [sources], env: { PORT: `${port}` } });
    dashboard = await startDashboard(null, { MUSTER_PUBLIC_URL: url, PORT: `${port + 1}` });
    await eventually(async () => {
      const response = await fetch(url).catch(() => null);
      if (response?.ok !== true) throw new Error(`Vite does not respond: ${vite.stdout()} ${vite.stderr()}`);
    }, 120_000);
  });
  afterAll(async () => {
    await dashboard.close();
    await vite.stop();
    await rm(sources, { recursive: true, force: true });
  });

  test('shows an edit of its sources without a reload and keeps entered text', async () => {
    const { page } = visit;
    await page.goto(await dashboard.muster.setupLink());
    await page.getByRole('heading', { name: 'Welcome to Muster' }).waitFor();
    await page.getByLabel('Your name').fill(OWNER.name);

    const file = join(sources, 'src/features/sign-in/setup-page.tsx');
    let loadCount = 0;
    page.on('load', () => (loadCount += 1));
    await writeFile(file, (await readFile(file, 'utf8')).replace('Welcome to Muster', 'Welcome, developer'));
    await page.getByRole('heading', { name: 'Welcome, developer' }).waitFor();
    expect(await page.getByLabel('Your name').inputValue()).toBe(OWNER.name);
    expect(loadCount).toBe(0);

    await page.getByLabel('Email').fill(OWNER.email);
    await page.getByLabel('Password').fill(OWNER.password);
    await page.getByRole('button', { name: 'Create account' }).click();
    await page.getByRole('heading', { name: 'Add a host' }).waitFor();
    // The badge shows "Live" only if the proxy forwards each message of the stream immediately.
    await page.getByRole('status').getByText('Live', { exact: true }).waitFor();
    expect(page.url()).toBe(`${url}/add-host`);
  });

  test('does not forward a request from another site as a request from the dashboard', async () => {
    const { email, password } = OWNER;
    const headers = { Origin: 'http://other.example' };
    const response = await visit.context.request.post(`${url}/api/session`, { headers, data: { email, password } });
    expect(response.status()).toBe(403);
    expect(response.headers()).not.toHaveProperty('access-control-allow-origin');
    // Vite rejects requests with another host name, because any site can point its host name to this machine.
    const rebindingResponse = await visit.context.request.get(`${url}/healthz`, { headers: { Host: 'other.example' } });
    expect(rebindingResponse.status()).toBe(403);
  });
});
