/**
 * Tests two Muster servers on one origin behind nginx. nginx keeps the path `/kept` in the requests to one server, and
 * removes the path `/cut` from the requests to the other server. The configuration of nginx is from
 * docs/reverse-proxy.md.
 */
import { execFileSync } from 'node:child_process';
import { copyFile, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { createClient } from '@muster/client';
import { Paths } from '@muster/contracts';
import { eventually, isReady, mainOf, newToken, startProgram } from '@muster/testkit';
import { startReplayedEngine } from '@muster/testkit/engine-replay';
import { startIdentityProvider, type IdentityProvider } from '@muster/testkit/identity-provider';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { describeInChromium, openChromium, openPage, OWNER } from '../support/browser.js';
import { hasNginx, makeCertificates, startNginx, type Certificates } from '../support/nginx.js';
import { freePort } from '../support/ports.js';

const DOCUMENT = fileURLToPath(new URL('../../../../docs/reverse-proxy.md', import.meta.url));
const INSTALL_SCRIPT = fileURLToPath(new URL('../../../../apps/agent/packaging/install.sh', import.meta.url));

/** A Muster server behind nginx. */
interface Server {
  /** The public URL. */
  url: string;
  /** The URL at which nginx reaches the server. */
  directUrl: string;
  dataDir: string;
  key: string;
}

// If nginx is missing, `hasNginx` has already reported that these tests are skipped, or has failed.
const describeBehindNginx = hasNginx() ? describeInChromium : describe.skip;

describeBehindNginx('Muster below a path, behind nginx', () => {
  let dir: string;
  let ports: { tls: number; plain: number };
  let certificates: Certificates;
  let kept: Server;
  let cut: Server;
  /** A server without MUSTER_PUBLIC_URL, behind a proxy that rewrites the header Host. */
  let unset: Server;
  let provider: IdentityProvider;
  let engineAddress: string;
  let browser: Browser;
  const closers: (() => Promise<unknown>)[] = [];

  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), 'muster-base-path-'));
    closers.unshift(() => rm(dir, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 }));
    await makeRelease();
    certificates = makeCertificates(dir);
    provider = await startIdentityProvider();
    closers.unshift(() => provider.close());
    const engine = await startReplayedEngine({
      capturedEngine: 'docker-28.5',
      listen: { socketPath: join(dir, 'engine.sock') },
      seed: 1,
    });
    closers.unshift(() => engine.close());
    engineAddress = engine.server.dockerHost;
    ports = { tls: await freePort(), plain: await freePort() };
    const origin = `https://127.0.0.1:${ports.tls}`;
    const { issuer, client } = provider;
    [kept, cut, unset, browser] = await Promise.all([
      startServer('kept', `${origin}/kept`, {
        ...{ MUSTER_OIDC_ISSUER: issuer, MUSTER_OIDC_NAME: 'Example Inc.', MUSTER_OIDC_CLIENT_ID: client.clientId },
        ...{ MUSTER_OIDC_CLIENT_SECRET_FILE: await secretFile('oidc-secret', client.clientSecret) },
      }),
      startServer('cut', `${origin}/cut`),
      startServer('unset'),
      openChromium(['--host-resolver-rules=MAP muster.test 127.0.0.1']),
    ]);
    closers.unshift(() => browser.close());
    provider.register(kept.url + Paths.oidcCallback);
    provider.people.set('ada', { email: OWNER.email, email_verified: true });
    closers.unshift(await startNginx(dir, await nginxServers(), [ports.tls]));
  }, 300_000);
  afterAll(async () => {
    for (const close of closers) await close();
  }, 300_000);

  async function secretFile(name: string, secret: string): Promise<string> {
    const path = join(dir, name);
    await writeFile(path, `${secret}\n`);
    return path;
  }

  /** Creates the files of an agent release from which the install script is made. */
  async function makeRelease(): Promise<void> {
    await mkdir(join(dir, 'release'));
    await copyFile(INSTALL_SCRIPT, join(dir, 'release', 'install.sh'));
    await writeFile(join(dir, 'release', 'SHA256SUMS'), '');
  }

  async function startServer(name: string, url?: string, env: Record<string, string> = {}): Promise<Server> {
    const port = await freePort();
    const dataDir = join(dir, name);
    const key = newToken();
    const program = startProgram(mainOf('api'), {
      env: {
        ...{ HOST: '127.0.0.1', PORT: String(port), MUSTER_DATA_DIR: dataDir, LOG_LEVEL: 'warn' },
        ...{ MUSTER_ADMIN_KEY_FILE: await secretFile(`${name}-key`, key), MUSTER_DRAIN_SECONDS: '0' },
        ...{ MUSTER_AGENT_RELEASE_DIR: join(dir, 'release'), MUSTER_SNAPSHOT_SECONDS: '5' },
        ...{ NODE_ENV: 'production', ...(url === undefined ? {} : { MUSTER_PUBLIC_URL: url }), ...env },
      },
    });
    closers.unshift(() => program.stop('SIGTERM', 60_000));
    const directUrl = `http://127.0.0.1:${port}`;
    await eventually(async () => {
      if (!program.isRunning()) throw new Error(`the API ended: ${program.stderr()}`);
      if (!(await isReady(directUrl + Paths.ready))) throw new Error('the API is not ready');
    }, 120_000);
    return { url: url ?? directUrl, directUrl, dataDir, key };
  }

  /** Returns the servers of nginx, with the locations in docs/reverse-proxy.md. */
  async function nginxServers(): Promise<string> {
    const document = await readFile(DOCUMENT, 'utf8');
    const [keeping = '', removing = ''] = [...document.matchAll(/^```nginx\n(.*?)^```$/gms)].map(([, text]) => text!);
    const locationOf = (text: string, name: string, { directUrl }: Server): string => {
      expect(text).toContain('location /muster/ {');
      expect(text).toContain('http://127.0.0.1:3000');
      return text.replace('/muster/', `/${name}/`).replace('http://127.0.0.1:3000', directUrl);
    };
    return `
      server {
        listen 127.0.0.1:${ports.tls} ssl; ${certificates.issued}
        ${locationOf(keeping, 'kept', kept)}
        ${locationOf(removing, 'cut', cut)}
      }
      server { listen 127.0.0.1:${ports.plain}; location / { proxy_pass ${unset.directUrl}; } }`;
  }

  const api = ({ directUrl, key }: Server) => createClient({ url: directUrl, key });

  const runAgent = async (server: Server, args: string[], env: Record<string, string> = {}) => {
    const name = server === kept ? 'kept' : 'cut';
    const agent = startProgram(mainOf('agent'), {
      args,
      env: {
        ...{ MUSTER_URL: server.url, MUSTER_CA_FILE: certificates.ca, DOCKER_HOST: engineAddress },
        ...{ MUSTER_STATE_DIR: join(dir, `agent-${name}`), ...env },
      },
    });
    const code = await agent.ended;
    return { code, stdout: agent.stdout(), stderr: agent.stderr() };
  };

  async function enroll(server: Server): Promise<void> {
    const { token } = await api(server).call('createEnrollmentToken', { body: { name: 'test' } });
    const file = await secretFile('enrollment-token', token);
    const { code, stderr } = await runAgent(server, ['once'], { MUSTER_ENROLL_TOKEN_FILE: file });
    expect([code, stderr]).toEqual([0, expect.stringContaining('snapshot applied')]);
  }

  const heading = (page: Page, name: string) => page.getByRole('heading', { level: 1, name }).waitFor();

  async function createAccount(page: Page): Promise<void> {
    await page.getByLabel('Your name').fill(OWNER.name);
    await page.getByLabel('Email').fill(OWNER.email);
    await page.getByLabel('Password').fill(OWNER.password);
    await page.getByRole('button', { name: 'Create account' }).click();
  }

  /** Runs an action with a new browser window, which must not violate a policy or have an error. */
  async function inBrowser(action: (context: BrowserContext, page: Page) => Promise<void>): Promise<void> {
    const context = await browser.newContext({
      ...{ ignoreHTTPSErrors: true, viewport: { width: 1280, height: 800 }, reducedMotion: 'reduce' },
    });
    context.setDefaultTimeout(60_000);
    const { page, errors } = await openPage(context);
    const foreign: string[] = [];
    page.on('request', (request) => {
      const { origin, pathname } = new URL(request.url());
      if (origin === `https://127.0.0.1:${ports.tls}` && !/^\/(kept|cut)(\/|$)/.test(pathname)) foreign.push(pathname);
    });
    try {
      await action(context, page);
      expect([errors.list, foreign]).toEqual([[], []]);
    } finally {
      await context.close();
    }
  }

  test('signs in to both servers in one browser, and shows each server’s fleet live', async () => {
    await inBrowser(async (context, page) => {
      for (const server of [kept, cut]) {
        const link = (await readFile(join(server.dataDir, 'setup-link'), 'utf8')).trim();
        expect(link.startsWith(`${server.url}/setup#token=`)).toBe(true);
        await page.goto(link);
        await createAccount(page);
        await heading(page, 'Add a host');
        expect(page.url()).toBe(`${server.url}/add-host`);
      }
      const cookies = (await context.cookies()).map(({ name, path, secure }) => ({ name, path, secure }));
      const name = expect.stringMatching(/^__Host-muster_session_[0-9a-f]{8}$/);
      expect(cookies).toEqual([
        { name, path: '/', secure: true },
        { name, path: '/', secure: true },
      ]);
      expect(cookies[0]!.name).not.toBe(cookies[1]!.name);

      // A tab of each server is open. The agent of one server changes only that server's tab.
      const other = await context.newPage();
      await other.goto(`${kept.url}/hosts`);
      await page.goto(`${cut.url}/hosts`);
      await Promise.all([heading(page, 'Hosts'), heading(other, 'Hosts')]);
      await enroll(cut);
      const [host] = (await api(cut).call('listHosts', { query: { limit: 1 } })).items;
      await page.getByRole('link', { name: host!.name, exact: true }).click();
      await heading(page, host!.name);
      expect(page.url()).toBe(`${cut.url}/hosts/${host!.id}`);
      await page.reload();
      await heading(page, host!.name);
      const font = await page.evaluate(
        'document.fonts.ready.then((fonts) => [...fonts].some((f) => f.status === "loaded"))',
      );
      expect(font).toBe(true);
      expect(await other.getByRole('link', { name: host!.name, exact: true }).count()).toBe(0);

      // Signing in with a password opens the requested page.
      await context.clearCookies();
      await page.goto(`${cut.url}/ports?port=443`);
      await page.getByLabel('Email').fill(OWNER.email);
      await page.getByLabel('Password').fill(OWNER.password);
      await page.getByRole('button', { name: 'Sign in' }).click();
      await heading(page, 'Ports');
      expect(page.url()).toBe(`${cut.url}/ports?port=443`);
    });
  });

  test('signs in through an identity provider and opens the requested page', async () => {
    await inBrowser(async (_context, page) => {
      provider.visitor = 'ada';
      await page.goto(`${kept.url}/ports?port=443`);
      await page.getByRole('link', { name: 'Sign in with Example Inc.' }).click();
      await heading(page, 'Ports');
      expect(page.url()).toBe(`${kept.url}/ports?port=443`);
    });
  });

  test('shows its API documentation below the path', async () => {
    await inBrowser(async (_context, page) => {
      await page.goto(`${cut.url}/docs`);
      await page.getByText('/api/hosts', { exact: true }).first().waitFor();
    });
  });

  test('serves agents, the command line and an install script below the path', async () => {
    await enroll(kept);
    for (const server of [kept, cut]) {
      const doctor = await runAgent(server, ['doctor', '--json']);
      const checks = JSON.parse(doctor.stdout) as { verdict: string }[];
      expect(checks.filter(({ verdict }) => verdict === 'failed')).toEqual([]);
      const hosts = startProgram(mainOf('cli'), {
        args: ['hosts', '-o', 'json'],
        env: {
          ...{ MUSTER_URL: server.url, MUSTER_KEY_FILE: await secretFile('key', server.key) },
          ...{ NODE_EXTRA_CA_CERTS: certificates.ca },
        },
      });
      expect([await hosts.ended, hosts.stderr()]).toEqual([0, '']);
      expect(hosts.stdout()).toContain('"containerCount"');
      const args = ['-fsS', '--cacert', certificates.ca, `${server.url}/install.sh`];
      expect(execFileSync('curl', args, { encoding: 'utf8' })).toContain(`\nMUSTER_URL_DEFAULT='${server.url}'\n`);
    }
  });

  test('suggests MUSTER_PUBLIC_URL if it is not set and a proxy rewrites the header Host', async () => {
    await inBrowser(async (_context, page) => {
      const link = new URL((await readFile(join(unset.dataDir, 'setup-link'), 'utf8')).trim());
      // Without TLS, browsers send no Sec-Fetch-Site, except to the loopback interface.
      await page.goto(`http://muster.test:${ports.plain}/setup${link.hash}`);
      await createAccount(page);
      await page
        .getByText("set MUSTER_PUBLIC_URL to the address in the browser's address bar", { exact: false })
        .waitFor();
    });
  });

  test('suggests MUSTER_PUBLIC_URL if a proxy serves the page below another path', async () => {
    await inBrowser(async (_context, page) => {
      // This is the response of a proxy that removes the path: the page of a server with another path.
      await page.route('**/assets/**', (route) => route.abort());
      await page.goto(`http://127.0.0.1:${ports.plain}/`);
      await page
        .getByText('set MUSTER_PUBLIC_URL to the address in the browser’s address bar', { exact: false })
        .waitFor();
    });
  });
});
