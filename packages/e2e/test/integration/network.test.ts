import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer as createHttpServer, type Server } from 'node:http';
import { connect, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { mainOf, runIf } from '@muster/testkit';
import { startReplayedEngine } from '@muster/testkit/engine-replay';
import { Muster } from '../support/muster.js';
import { hasNginx, makeCertificates, startNginx, type Certificates } from '../support/nginx.js';
import { freePort } from '../support/ports.js';

/** The ports of nginx. Each name describes the responses of one port. */
type Place = 'tls' | 'selfSigned' | 'redirect' | 'signIn' | 'unauthorized' | 'foreign' | 'down' | 'tooLarge';

interface ProgramResult {
  code: number | null;
  stdout: string;
  stderr: string;
}

runIf(hasNginx(), describe)('an agent behind nginx, proxies and a private CA', () => {
  let dir: string;
  let muster: Muster;
  let ports: Record<Place, number>;
  let certificates: Certificates;
  let forwardProxy: Server;
  /** The addresses to which clients connected through the forward proxy. */
  let tunnels: string[];
  let variables: Record<string, string>;
  const closers: (() => Promise<unknown>)[] = [];

  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), 'muster-network-'));
    closers.unshift(() => rm(dir, { recursive: true, force: true }));
    muster = new Muster(dir);
    closers.unshift(() => muster.stop());
    await muster.start();
    const engine = await startReplayedEngine({
      capturedEngine: 'docker-28.5',
      listen: { socketPath: join(dir, 'engine.sock') },
      seed: 1,
    });
    closers.unshift(() => engine.close());
    certificates = makeCertificates(dir);
    await choosePorts();
    closers.unshift(await startNginx(dir, nginxServers(), Object.values(ports)));
    forwardProxy = await startForwardProxy();
    closers.unshift(() => new Promise((resolve) => forwardProxy.close(resolve)));
    variables = {
      MUSTER_ENROLL_TOKEN: await muster.enrollmentToken(),
      MUSTER_STATE_DIR: join(dir, 'state'),
      MUSTER_URL: `https://127.0.0.1:${ports.tls}`,
      DOCKER_HOST: engine.server.dockerHost,
    };
    const enrolled = await agent(['once'], { NODE_EXTRA_CA_CERTS: ca() });
    expect([enrolled.code, enrolled.stderr]).toEqual([0, expect.stringContaining('snapshot applied')]);
  }, 300_000);
  afterAll(async () => {
    for (const close of closers) await close();
  }, 300_000);

  const ca = (): string => certificates.ca;
  const urlOf = (place: Place, scheme: 'http' | 'https'): string => `${scheme}://127.0.0.1:${ports[place]}`;

  async function choosePorts(): Promise<void> {
    const places = ['tls', 'selfSigned', 'redirect', 'signIn', 'unauthorized', 'foreign', 'down', 'tooLarge'] as const;
    ports = Object.fromEntries(await Promise.all(places.map(async (place) => [place, await freePort()]))) as never;
  }

  function nginxServers(): string {
    const server = (place: Place, directives: string, options = ''): string =>
      `server { listen 127.0.0.1:${ports[place]} ${options}; ${directives} }`;
    return `
      client_max_body_size 10m;
      ${server('tls', `${certificates.issued} location / { proxy_pass ${muster.url}; }`, 'ssl')}
      ${server('selfSigned', certificates.selfSigned, 'ssl')}
      ${server('redirect', `return 301 https://127.0.0.1:${ports.tls}$request_uri;`)}
      ${server('signIn', 'return 302 https://idp.example/oauth2/authorize?state=secret;')}
      ${server('unauthorized', 'return 401 "<title>401 Authorization Required</title>";')}
      ${server('foreign', 'return 200 "<!DOCTYPE html><title>Welcome to nginx!</title>";')}
      ${server('down', 'location / { proxy_pass http://127.0.0.1:9; }')}
      ${server('tooLarge', `client_max_body_size 100; location / { proxy_pass ${muster.url}; }`)}`;
  }

  /** Starts a proxy for CONNECT that requires a password and connects only to this machine. */
  async function startForwardProxy(): Promise<Server> {
    tunnels = [];
    const server = createHttpServer((_request, response) => response.writeHead(405).end());
    server.on('connect', (request, client) => {
      const credentials = `Basic ${Buffer.from('me:word').toString('base64')}`;
      if (request.headers['proxy-authorization'] !== credentials) {
        return void client.end('HTTP/1.1 407 Proxy Authentication Required\r\ncontent-length: 0\r\n\r\n');
      }
      tunnels.push(request.url!);
      const target = connect(Number(request.url!.split(':')[1]), '127.0.0.1', () => {
        client.write('HTTP/1.1 200 Connection established\r\n\r\n');
        target.pipe(client).pipe(target);
      });
      for (const socket of [client, target]) {
        socket.on('error', () => {
          client.destroy();
          target.destroy();
        });
      }
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return server;
  }

  const proxyUrl = (userInfo: string): string =>
    `http://${userInfo}127.0.0.1:${(forwardProxy.address() as AddressInfo).port}`;

  /** Runs a command of the agent until it ends. `through` is a command that runs the agent. */
  async function agent(
    args: string[],
    overrides: Record<string, string>,
    through: string[] = [],
  ): Promise<ProgramResult> {
    const [command, ...rest] = [...through, process.execPath, mainOf('agent'), ...args] as [string, ...string[]];
    const child = spawn(command, rest, {
      env: { PATH: process.env['PATH'], HOME: dir, ...variables, ...overrides },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')]);
    return { code: child.exitCode, stdout, stderr };
  }

  /** Sends one report with these settings. Returns the exit code, and the log if the report failed. */
  async function report(overrides: Record<string, string>, through: string[] = []): Promise<[number | null, string]> {
    const { code, stderr } = await agent(['once'], overrides, through);
    return [code, code === 0 ? '' : stderr];
  }
  const REPORTED = [0, ''];

  test('reports only with the CA in MUSTER_CA_FILE or SSL_CERT_FILE', async () => {
    const config = (name: string, line: string): Promise<void> => writeFile(join(dir, name), `${line}\n`);
    await config('with-ca', `MUSTER_CA_FILE=${ca()}`);
    await config('with-store', `SSL_CERT_FILE=${ca()}`);
    await config('with-node', `NODE_EXTRA_CA_CERTS=${ca()}`);
    const inFile = (name: string): Record<string, string> => ({ MUSTER_CONFIG: join(dir, name) });
    for (const name of ['MUSTER_CA_FILE', 'SSL_CERT_FILE']) expect(await report({ [name]: ca() })).toEqual(REPORTED);
    for (const name of ['with-ca', 'with-store', 'with-node']) expect(await report(inFile(name))).toEqual(REPORTED);
    expect(await agent(['enroll'], {})).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('its certificate is from a CA that this machine does not trust'),
    });
    expect(await agent(['once'], { MUSTER_CA_FILE: join(dir, 'missing.pem') })).toMatchObject({
      code: 2,
      stderr: `muster-agent: cannot use ${dir}/missing.pem (MUSTER_CA_FILE): the file does not exist\n`,
    });
  });

  runIf(process.getuid?.() === 0, test)('reports with a CA in the system’s store', async () => {
    // The system's certificates are replaced for this process only.
    const script = 'mount -t tmpfs none /etc/ssl/certs && cp "$0" /etc/ssl/certs/ca-certificates.crt && exec "$@"';
    expect(await report({}, ['unshare', '--mount', 'sh', '-c', script, ca()])).toEqual(REPORTED);
  });

  test('reports through a proxy with a password, and directly to a network in NO_PROXY', async () => {
    expect(await report({ MUSTER_CA_FILE: ca(), HTTPS_PROXY: proxyUrl('me:word@') })).toEqual(REPORTED);
    expect(new Set(tunnels)).toEqual(new Set([`127.0.0.1:${ports.tls}`]));
    tunnels = [];
    const unreachableProxy = { MUSTER_CA_FILE: ca(), HTTPS_PROXY: 'http://127.0.0.1:9' };
    expect(await report({ ...unreachableProxy, NO_PROXY: '10.0.0.0/8,127.0.0.0/8' })).toEqual(REPORTED);
    expect(tunnels).toEqual([]);
  });

  /** For each kind of connection failure: the agent's output, and the finding and advice of `doctor`. */
  const failures: {
    name: string;
    settings: () => Record<string, string>;
    problem: string;
    advice: () => string;
    check: 'server' | 'tls';
  }[] = [
    {
      name: 'a self-signed certificate',
      settings: () => ({ MUSTER_URL: urlOf('selfSigned', 'https') }),
      problem: 'its certificate is self-signed',
      advice: () => 'set MUSTER_CA_FILE to a file with that certificate (PEM)',
      check: 'tls',
    },
    {
      name: 'a redirect to https',
      settings: () => ({ MUSTER_URL: urlOf('redirect', 'http') }),
      problem: 'it redirects to https://127.0.0.1:',
      advice: () => `set MUSTER_URL to ${urlOf('tls', 'https')}`,
      check: 'server',
    },
    {
      name: 'a redirect to a sign-in page',
      settings: () => ({ MUSTER_URL: urlOf('signIn', 'http') }),
      problem: 'something in front of Muster requires a sign-in (302 to https://idp.example/oauth2/authorize)',
      advice: () => 'let /api/agent/* through without a sign-in',
      check: 'server',
    },
    {
      name: 'a sign-in in front of Muster',
      settings: () => ({ MUSTER_URL: urlOf('unauthorized', 'http') }),
      problem: 'something in front of Muster requires a sign-in (401)',
      advice: () => 'let /api/agent/* through without a sign-in',
      check: 'server',
    },
    {
      name: 'http on a port that speaks TLS',
      settings: () => ({ MUSTER_URL: urlOf('tls', 'http') }),
      problem: 'this port speaks TLS, and the address begins with http:',
      advice: () => `set MUSTER_URL to ${urlOf('tls', 'https')}`,
      check: 'server',
    },
    {
      name: 'https on a port that does not speak TLS',
      settings: () => ({ MUSTER_URL: urlOf('foreign', 'https') }),
      problem: 'this port does not speak TLS, and the address begins with https:',
      advice: () => `set MUSTER_URL to ${urlOf('foreign', 'http')}`,
      check: 'tls',
    },
    {
      name: 'a foreign web server that answers 200',
      settings: () => ({ MUSTER_URL: urlOf('foreign', 'http') }),
      problem: 'the server at this address is not Muster (200: Welcome to nginx!)',
      advice: () => 'set MUSTER_URL to Muster’s address',
      check: 'server',
    },
    {
      name: 'a proxy in front of a server that is down',
      settings: () => ({ MUSTER_URL: urlOf('down', 'http') }),
      problem: 'a proxy in front of Muster answers 502: 502 Bad Gateway',
      advice: () => 'check that Muster’s API is running',
      check: 'server',
    },
    {
      name: 'a proxy that cannot be reached',
      settings: () => ({ MUSTER_CA_FILE: ca(), HTTPS_PROXY: 'http://me:word@127.0.0.1:9', NO_PROXY: '10.0.0.0/8' }),
      problem: 'the proxy http://127.0.0.1:9 (HTTPS_PROXY) refuses connections on port 9; NO_PROXY does not cover',
      advice: () => 'correct HTTPS_PROXY, or add 127.0.0.1 to NO_PROXY',
      check: 'server',
    },
    {
      name: 'a proxy that rejects the password',
      settings: () => ({ MUSTER_CA_FILE: ca(), HTTPS_PROXY: proxyUrl('me:wrong@') }),
      problem: '(HTTPS_PROXY) answered 407 to CONNECT: it requires a user name and a password',
      advice: () => 'set HTTPS_PROXY to http://USER:PASSWORD@host:port',
      check: 'server',
    },
  ];

  test.each(failures)(
    'reports $name and the fix, in the output of the agent and of doctor',
    async ({ settings, problem, advice, check }) => {
      const overrides = { ...settings(), MUSTER_STATE_DIR: join(dir, `state-of-${check}`) };
      const [enrolled, doctor] = await Promise.all([
        agent(['enroll'], overrides),
        agent(['doctor', '--json'], overrides),
      ]);
      expect(enrolled.code).toBe(1);
      expect(enrolled.stderr).toContain(problem);
      expect(enrolled.stderr).toContain(advice());
      const findings = JSON.parse(doctor.stdout) as { check: string; verdict: string; found: string; advice: string }[];
      expect(findings.filter(({ verdict }) => verdict === 'failed')).toEqual([
        {
          check,
          verdict: 'failed',
          found: expect.stringContaining(problem),
          advice: expect.stringContaining(advice()),
        },
      ]);
      expect(enrolled.stderr + doctor.stdout).not.toMatch(/word@|wrong@|secret|deps\/openssl/);
    },
  );

  test('reports that a proxy limits the size of request bodies', async () => {
    const stateDir = join(dir, 'state-too-large');
    expect(
      await agent(['enroll'], { MUSTER_URL: urlOf('tooLarge', 'http'), MUSTER_STATE_DIR: stateDir }),
    ).toMatchObject({ code: 1, stderr: expect.stringContaining('(413: 413 Request Entity Too Large)') });
    expect(await readFile(join(dir, 'nginx.log'), 'utf8')).toContain('client intended to send too large body');
  });
});
