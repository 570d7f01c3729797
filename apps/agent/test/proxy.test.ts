import { spawn } from 'node:child_process';
import { mkdir, readFile } from 'node:fs/promises';
import { createServer as createHttpsServer } from 'node:https';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { Paths, formatToken } from '@muster/contracts';
import { pino } from 'pino';
import { enrollMachine } from '../src/agent.js';
import type { Finding } from '../src/commands/doctor.js';
import { parseEnv, type AgentEnv } from '../src/env.js';
import { createMusterClient } from '../src/muster/client.js';
import { TRUST_DEFAULT } from '../src/muster/trust.js';
import { makeCertificates } from './certificates.js';
import { openFixture, type Fixture } from './fixture.js';

const neverAborted = new AbortController().signal;

describe('a proxy', () => {
  let fixture: Fixture;
  let proxy: Server;
  /** The request lines that the proxy received, with the credentials of each request. */
  let proxyRequests: { line: string; credentials: string | null }[];
  /** The address to which the proxy always connects, regardless of the requested address. */
  let target: { host: string; port: number };
  let refusal: string | null;

  beforeEach(async () => {
    fixture = await openFixture();
    const { hostId, cadence } = fixture.muster;
    fixture.muster.setReaction(Paths.agentToken, { status: 200, json: { hostId, cadence } });
    [proxyRequests, refusal] = [[], null];
    const { hostname, port } = new URL(fixture.variables['MUSTER_URL']!);
    target = { host: hostname, port: Number(port) };
    proxy = createServer(serve);
    await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
  });
  afterEach(async () => {
    proxy.close();
    await fixture.close();
  });

  function serve(client: Socket): void {
    const server = connect(target);
    let isTunnel = false;
    server.pipe(client);
    client.on('data', (chunk: Buffer) => {
      if (isTunnel) return void server.write(chunk);
      const request = chunk.toString('latin1');
      const credentials = /^proxy-authorization: (.*)\r$/im.exec(request)?.[1] ?? null;
      proxyRequests.push({ line: request.split('\r\n')[0]!, credentials });
      if (refusal !== null) return void client.end(refusal);
      isTunnel = request.startsWith('CONNECT ');
      if (isTunnel) client.write('HTTP/1.1 200 OK\r\n\r\n');
      else server.write(request.replace(/^(\w+) http:\/\/[^/]+/, '$1 '), 'latin1');
    });
    client.on('close', () => server.destroy());
    for (const socket of [client, server]) socket.on('error', () => socket.destroy());
  }

  const address = (userInfo = ''): string => `http://${userInfo}127.0.0.1:${(proxy.address() as AddressInfo).port}`;
  const log = pino({ level: 'silent' });
  function env(overrides: Record<string, string>): AgentEnv {
    const parsed = parseEnv({ ...fixture.variables, ...overrides });
    if (!parsed.success) throw new Error(parsed.errors.join('\n'));
    return parsed.env;
  }

  test('in HTTP_PROXY receives the agent’s calls, except calls to hosts in NO_PROXY', async () => {
    const proxied = { HTTP_PROXY: address('me:w%40rd@'), MUSTER_URL: 'http://muster.example/base/' };
    const { hostId, cadence } = fixture.muster;
    const agentToken = formatToken('agent', new Uint8Array(32).fill(7));
    fixture.muster.setReaction(`/base${Paths.agentEnroll}`, { status: 201, json: { hostId, agentToken, cadence } });
    fixture.muster.setReaction(`/base${Paths.agentToken}`, { status: 200, json: { hostId, cadence } });
    await enrollMachine(env(proxied), log, neverAborted);
    expect(proxyRequests.map(({ line }) => line)).toEqual([
      `POST http://muster.example/base${Paths.agentEnroll} HTTP/1.1`,
      `GET http://muster.example/base${Paths.agentToken} HTTP/1.1`,
    ]);
    expect(proxyRequests[0]!.credentials).toBe(`Basic ${Buffer.from('me:w@rd').toString('base64')}`);
    expect(fixture.muster.receivedRequests.map(({ headers }) => headers.host)).toEqual([
      'muster.example',
      'muster.example',
    ]);
    proxyRequests.length = 0;
    await mkdir(join(fixture.dir, 'other'));
    const direct = { HTTP_PROXY: address(), NO_PROXY: '127.0.0.1', MUSTER_STATE_DIR: join(fixture.dir, 'other') };
    await enrollMachine(env(direct), log, neverAborted);
    expect(proxyRequests).toEqual([]);
  });

  test('in HTTPS_PROXY opens a tunnel, in which the agent verifies the API’s certificate', async () => {
    await makeCertificates(fixture.dir);
    const [cert, key] = await Promise.all(['cert.pem', 'key.pem'].map((name) => readFile(join(fixture.dir, name))));
    const paths: string[] = [];
    const server = createHttpsServer({ cert: cert!, key: key! }, (request, response) => {
      paths.push(request.url!);
      response.end(JSON.stringify({ status: 'ok' }));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    try {
      const { port } = server.address() as AddressInfo;
      target = { host: '127.0.0.1', port };
      const checkServer = async (variables: Record<string, string>): Promise<Finding> => {
        const doctor = spawn(process.execPath, ['dist/main.js', 'doctor', '--json'], {
          cwd: fileURLToPath(new URL('..', import.meta.url)),
          env: {
            PATH: process.env['PATH'],
            HOME: fixture.dir,
            ...fixture.variables,
            MUSTER_URL: `https://127.0.0.1:${port}`,
            HTTPS_PROXY: address('me:word@'),
            ...variables,
          },
          stdio: ['ignore', 'pipe', 'inherit'],
        });
        const findings = JSON.parse(await text(doctor.stdout)) as Finding[];
        return findings.find(({ check }) => check === 'server')!;
      };
      expect(await checkServer({ NODE_EXTRA_CA_CERTS: join(fixture.dir, 'ca.pem') })).toMatchObject({ verdict: 'ok' });
      expect(proxyRequests[0]).toEqual({
        line: `CONNECT 127.0.0.1:${port} HTTP/1.1`,
        credentials: `Basic ${Buffer.from('me:word').toString('base64')}`,
      });
      expect(new Set(paths)).toEqual(new Set([Paths.health, Paths.agentToken]));
      expect(await checkServer({})).toMatchObject({ verdict: 'failed', found: expect.stringMatching(/certificate/) });
    } finally {
      server.close();
    }
  });

  const callThrough = async (musterUrl: string, proxyUrl: string): Promise<string> => {
    const client = createMusterClient({
      musterUrl,
      wallNow: () => new Date(),
      trust: TRUST_DEFAULT,
      proxy: { https: proxyUrl, http: proxyUrl, noProxy: '10.0.0.0/8' },
    });
    const answer = await client.getTokenHolder('token', neverAborted);
    client.close();
    if (answer.kind !== 'retry') throw new Error(`unexpected answer: ${answer.kind}`);
    return answer.reason;
  };

  test('is reported as the cause, without its password, if it refuses the tunnel', async () => {
    refusal = 'HTTP/1.1 407 Proxy Authentication Required\r\ncontent-length: 0\r\n\r\n';
    expect(await callThrough('https://muster.example', address('me:w%40rd@'))).toBe(
      `https://muster.example: the proxy ${address()} (HTTPS_PROXY) answered 407 to CONNECT: it requires a user name ` +
        'and a password, or rejects the ones given; set HTTPS_PROXY to http://USER:PASSWORD@host:port',
    );
    refusal = 'HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n';
    expect(await callThrough('https://muster.example', address())).toContain(
      'answered 403 to CONNECT; allow connections to muster.example in the proxy',
    );
  });

  test('is reported as the cause, with its setting and NO_PROXY, if it cannot be reached', async () => {
    for (const [url, setting] of [
      ['https://muster.example', 'HTTPS_PROXY'],
      ['http://muster.example', 'HTTP_PROXY'],
    ] as const) {
      expect(await callThrough(url, 'http://me:word@127.0.0.1:9')).toBe(
        `${url}: the proxy http://127.0.0.1:9 (${setting}) refuses connections on port 9; NO_PROXY does not cover ` +
          `muster.example; correct ${setting}, or add muster.example to NO_PROXY if no proxy is needed for it`,
      );
    }
  });
});
