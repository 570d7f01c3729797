import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect } from '@jest/globals';
import type { Client } from '@muster/client';
import { serverOnly } from '@muster/db/testing';
import { findChromium, runIf } from '@muster/testkit';
import { chromium, type Browser, type BrowserContext, type Page } from 'playwright-core';
import { startAgent, startHost, type FleetHost } from './host.js';
import { Muster } from './muster.js';

const installedChromium = findChromium();

/** `describe` for tests of pages. The tests are skipped if Chromium is not installed. */
export const describeInChromium: typeof describe | typeof describe.skip = runIf(installedChromium !== null, describe);

/**
 * `describe` for tests of the pages of a large fleet. The tests are also skipped without a PostgreSQL server, because
 * the embedded database is too slow for a large fleet.
 */
export const describeLargeFleet: typeof describe | typeof describe.skip =
  installedChromium === null ? describe.skip : serverOnly(describe);

/** Starts Chromium, with command-line arguments in addition to the default arguments. */
export const openChromium = (args: readonly string[] = []): Promise<Browser> =>
  chromium.launch({ ...installedChromium!, args: [...installedChromium!.args, ...args] });

/**
 * The uncaught errors and Content Security Policy violations of a page. The dashboard must cause no error and no
 * violation.
 */
export interface PageErrors {
  readonly list: string[];
}

/** Opens a page and records its errors and policy violations. */
export async function openPage(context: BrowserContext): Promise<{ page: Page; errors: PageErrors }> {
  const page = await context.newPage();
  const list: string[] = [];
  page.on('pageerror', (error) => list.push(`error: ${error.message}`));
  page.on('console', (message) => {
    if (/Content Security Policy/i.test(message.text())) list.push(message.text());
  });
  return { page, errors: { list } };
}

/** A generous timeout for busy machines. No test measures time with it. */
const TIMEOUT_MS = 60_000;

/** Settings of the API with which hosts stay online without a heartbeat, however long the tests take. */
export const LONG_CADENCE = { MUSTER_HEARTBEAT_SECONDS: '600', MUSTER_SNAPSHOT_SECONDS: '600' } as const;

/**
 * Waits until an expression or a function is true in the page. Replaces Playwright's `waitForFunction`, which
 * repeatedly evaluates a text in the page. The Content Security Policy of the pages forbids this evaluation.
 */
export async function waitUntil<Arg = undefined>(
  page: Page,
  isTrue: string | ((arg: Arg) => boolean),
  { arg, timeoutMs = TIMEOUT_MS }: { arg?: Arg; timeoutMs?: number } = {},
): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  while (!(await page.evaluate<boolean, unknown>(isTrue as string, arg))) {
    if (performance.now() > deadline) throw new Error(`not true within ${timeoutMs} ms: ${String(isTrue)}`);
    await page.waitForTimeout(50);
  }
}

/** Waits until everything on the page has loaded. */
export const waitUntilLoaded = (page: Page): Promise<void> =>
  waitUntil(page, `document.querySelector('.loading') === null`);

/**
 * Returns by how many pixels a page is wider than its window. Waits some time until the page fits, because the layout
 * changes with a delay after the window's size.
 */
export async function overflowOf(page: Page): Promise<number> {
  const overflow = 'document.documentElement.scrollWidth - document.documentElement.clientWidth';
  await waitUntil(page, `${overflow} === 0`, { timeoutMs: 20_000 }).catch(() => undefined);
  return page.evaluate(overflow);
}

/** Starts a browser. Each test gets a new context without cookies, and fails on errors and policy violations. */
export function useBrowserPage(): { readonly context: BrowserContext; readonly page: Page } {
  let browser: Browser | undefined;
  let context: BrowserContext | undefined;
  let opened: Awaited<ReturnType<typeof openPage>> | undefined;
  beforeAll(async () => {
    browser = await openChromium();
  });
  afterAll(() => browser?.close());
  beforeEach(async () => {
    // Without reduced motion, a test could check an element before its animation ends. An endless animation, such as
    // the animation next to "Live", would also make the browser draw 60 frames per second while a test waits.
    context = await browser!.newContext({ viewport: { width: 1440, height: 900 }, reducedMotion: 'reduce' });
    context.setDefaultTimeout(TIMEOUT_MS);
    opened = await openPage(context);
  });
  afterEach(async () => {
    expect(opened!.errors.list).toEqual([]);
    await context!.close();
  });
  return {
    get context() {
      return context!;
    },
    get page() {
      return opened!.page;
    },
  };
}

export const OWNER = { name: 'Ada Example', email: 'ada@example.org', password: 'correct horse battery staple' };

/** An API process that serves the built dashboard, and a fleet that reports to it. */
export interface Dashboard {
  readonly url: string;
  /** A client of the API with an admin key. */
  readonly api: Client;
  readonly muster: Muster;
  /**
   * Signs the context in as the owner. All contexts share one session. Creates the owner account if it does not exist.
   */
  signIn(context: BrowserContext): Promise<void>;
  /** Starts a host without containers. Its agent enrolls with `enrollToken`, or with a new token by default. */
  addHost(name: string, enrollToken?: string): Promise<FleetHost>;
  /** Restarts a host's agent with another enrollment token. The agent keeps its state directory. */
  restartAgent(host: FleetHost, enrollToken: string): Promise<void>;
  close(): Promise<void>;
}

/**
 * Starts a dashboard on a new embedded database, or on the database at `databaseUrl`. `env` is added for the API, which
 * runs in `workingDirectory`.
 */
export async function startDashboard(
  databaseUrl: string | null = null,
  env: Readonly<Record<string, string>> = {},
  workingDirectory?: string,
): Promise<Dashboard> {
  const dir = await mkdtemp(join(tmpdir(), 'muster-browser-'));
  const database = databaseUrl === null ? {} : { DATABASE_URL: databaseUrl };
  const muster = new Muster(dir, { MUSTER_SNAPSHOT_SECONDS: '5', ...database, ...env }, workingDirectory);
  const hosts: FleetHost[] = [];
  let sessionCookies: Awaited<ReturnType<BrowserContext['cookies']>> = [];
  await muster.start();
  const { url, client } = muster;
  return {
    url,
    muster,
    api: client,
    async signIn(context) {
      // Signing in hashes the password, which takes longer than most tests of a page. The session is therefore reused
      // until it ends.
      if (sessionCookies.length > 0) {
        await context.addCookies(sessionCookies);
        if ((await context.request.get(`${url}/api/session`)).ok()) return;
      }
      const headers = { Origin: url };
      const { name, email, password } = OWNER;
      const { setupRequired } = await client.call('getSignInOptions');
      const token = setupRequired ? new URL(await muster.setupLink()).hash.replace('#token=', '') : '';
      const answer = !setupRequired
        ? await context.request.post(`${url}/api/session`, { headers, data: { email, password } })
        : await context.request.post(`${url}/api/setup`, { headers, data: { token, name, email, password } });
      if (answer.status() !== 201) throw new Error(`sign-in failed: ${await answer.text()}`);
      sessionCookies = await context.cookies();
    },
    async addHost(name, enrollToken) {
      const host = await startHost(muster, dir, name, enrollToken ?? (await muster.enrollmentToken(name)));
      hosts.push(host);
      return host;
    },
    async restartAgent(host, enrollToken) {
      await host.agent.stop();
      host.agent = startAgent(muster, dir, host.name, host.server, enrollToken);
    },
    async close() {
      await Promise.all(hosts.map(({ agent }) => agent.stop()));
      await Promise.all(hosts.map((host) => host.close()));
      await muster.stop();
      await rm(dir, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
    },
  };
}

/** Counts the bytes that a page receives from the network: headers and compressed bodies. */
export async function countTraffic(page: Page): Promise<{ takeBytes: () => Record<string, number> }> {
  const session = await page.context().newCDPSession(page);
  const paths = new Map<string, string>();
  const received = new Map<string, number>();
  let bytesByPath: Record<string, number> = {};
  const add = (requestId: string, bytes: number): void => {
    const path = paths.get(requestId) ?? 'unknown';
    received.set(requestId, (received.get(requestId) ?? 0) + bytes);
    bytesByPath[path] = (bytesByPath[path] ?? 0) + bytes;
  };
  session.on('Network.requestWillBeSent', ({ requestId, request }) =>
    paths.set(requestId, new URL(request.url).pathname),
  );
  session.on('Network.dataReceived', ({ requestId, encodedDataLength }) => add(requestId, encodedDataLength));
  // The total also includes the headers.
  session.on('Network.loadingFinished', ({ requestId, encodedDataLength }) =>
    add(requestId, encodedDataLength - (received.get(requestId) ?? 0)),
  );
  await session.send('Network.enable');
  return {
    /** Returns the bytes received since the last call, by path. */
    takeBytes() {
      const taken = bytesByPath;
      bytesByPath = {};
      return taken;
    },
  };
}

/** A task of a page's main thread, which blocks the page until it ends. */
export interface PageTask {
  /** Milliseconds of wall-clock time. */
  lastedMs: number;
  /** Milliseconds of the thread's CPU time. Other processes on the machine hardly affect it. */
  workedMs: number;
}

/** The used fields of a trace event. `dur` and `tdur` are microseconds. A `tdur` of 0 is omitted. */
interface TraceEvent {
  name: string;
  pid: number;
  tid: number;
  dur?: number;
  tdur?: number;
  args: { name?: string };
}

/** Runs an action, and returns the tasks of the browser's pages during the action. */
export async function pageTasksOf(browser: Browser, action: () => Promise<void>): Promise<PageTask[]> {
  await browser.startTracing(undefined, { categories: ['-*', 'toplevel'] });
  await action();
  const trace = await browser.stopTracing();
  const { traceEvents } = JSON.parse(trace.toString()) as { traceEvents: TraceEvent[] };
  const threadOf = ({ pid, tid }: TraceEvent): string => `${pid} ${tid}`;
  const namesMainThread = ({ name, args }: TraceEvent): boolean =>
    name === 'thread_name' && args.name === 'CrRendererMain';
  const mainThreads = new Set(traceEvents.filter(namesMainThread).map(threadOf));
  return traceEvents
    .filter((event) => event.name === 'ThreadControllerImpl::RunTask' && mainThreads.has(threadOf(event)))
    .map(({ dur = 0, tdur = 0 }) => ({ lastedMs: dur / 1_000, workedMs: tdur / 1_000 }));
}
