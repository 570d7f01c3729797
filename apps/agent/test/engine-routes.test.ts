import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { request } from 'node:http';
import { createServer, type Server } from 'node:https';
import { createConnection, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { startReplayedEngine } from '@muster/testkit/engine-replay';
import type { Finding } from '../src/commands/doctor.js';
import { EngineAddress, withTls } from '../src/engine/address.js';
import { createEngineClient } from '../src/engine/client.js';
import { locateEngine, type EngineChoice } from '../src/engine/locate-engine.js';
import { sshArguments } from '../src/engine/ssh.js';
import { makeCertificates } from './certificates.js';

const neverAborted = new AbortController().signal;
let dir: string;
let closers: (() => unknown)[];
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'muster-routes-'));
  closers = [() => rm(dir, { recursive: true })];
});
afterEach(async () => {
  for (const close of closers.reverse()) await close();
});

async function replay(): Promise<string> {
  const socketPath = join(dir, 'engine.sock');
  const replayed = await startReplayedEngine({ capturedEngine: 'docker-28.5', listen: { socketPath }, seed: 1 });
  closers.push(() => replayed.close());
  return socketPath;
}

function open(address: EngineAddress) {
  const client = createEngineClient({ address, apiVersion: null });
  closers.push(() => client.close());
  return client;
}

const choice = (changes: Partial<EngineChoice>): EngineChoice => ({
  address: null,
  context: null,
  configDir: join(dir, 'docker'),
  tls: null,
  runtimeDir: null,
  ...changes,
});

describe('over TLS', () => {
  /** Starts a TLS server in front of an engine. The server requires a client certificate from its own CA. */
  async function serve(): Promise<number> {
    const socketPath = await replay();
    const read = (name: string): Promise<Buffer> => readFile(join(dir, name));
    const [ca, cert, key] = [await read('ca.pem'), await read('cert.pem'), await read('key.pem')];
    const server: Server = createServer({ ca, cert, key, requestCert: true, rejectUnauthorized: true });
    server.on('request', (from, to) => {
      request({ socketPath, path: from.url!, headers: from.headers }, (answer) => {
        to.writeHead(answer.statusCode!, answer.headers);
        answer.pipe(to);
      }).end();
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    closers.push(() => {
      server.closeAllConnections();
      server.close();
    });
    return (server.address() as AddressInfo).port;
  }

  test('an engine is readable only with the certificates in DOCKER_CERT_PATH', async () => {
    await makeCertificates(dir);
    const port = await serve();
    const address = EngineAddress.parse(`tcp://127.0.0.1:${port}`);
    const trustedClient = open(withTls(address, { certPath: dir, isVerified: true }));
    expect((await trustedClient.listContainers(neverAborted)).length).toBeGreaterThan(0);

    const incompleteDir = join(dir, 'incomplete');
    await mkdir(incompleteDir);
    await expect(
      open(withTls(address, { certPath: incompleteDir, isVerified: true })).ping(neverAborted),
    ).rejects.toThrow(/the CA of its certificate is unknown|certificate/);
    await writeFile(join(incompleteDir, 'ca.pem'), await readFile(join(dir, 'ca.pem')));
    await expect(
      open(withTls(address, { certPath: incompleteDir, isVerified: true })).ping(neverAborted),
    ).rejects.toThrow();
    await writeFile(join(incompleteDir, 'cert.pem'), await readFile(join(dir, 'cert.pem')));
    expect(() => open(withTls(address, { certPath: incompleteDir, isVerified: true }))).toThrow(
      'only one of cert.pem and key',
    );
  });
});

describe('over ssh', () => {
  test('the agent runs the same command as docker, and ssh never prompts for a password', () => {
    const args = (value: string): string[] => {
      const address = EngineAddress.parse(value);
      if (address.kind !== 'ssh') throw new Error(address.kind);
      return sshArguments(address);
    };
    expect(args('ssh://me@host:2222/run/user/1/docker.sock').join(' ')).toBe(
      '-o ConnectTimeout=30 -o BatchMode=yes -T -l me -p 2222 -- host docker --host unix:///run/user/1/docker.sock system dial-stdio',
    );
    expect(args('ssh://host').join(' ')).toMatch(/ -T -- host docker system dial-stdio$/);
  });

  /** Runs `doctor` for the engine at ssh://me@far, with `script` installed as the program ssh. Returns its findings. */
  async function runDoctorWithSsh(script: string): Promise<Finding[]> {
    const bin = join(dir, 'bin');
    await mkdir(bin);
    await writeFile(join(bin, 'ssh'), script);
    await chmod(join(bin, 'ssh'), 0o755);
    const doctor = spawn(process.execPath, ['dist/main.js', 'doctor', '--json'], {
      cwd: fileURLToPath(new URL('..', import.meta.url)),
      env: { PATH: `${bin}:/usr/bin:/bin`, HOME: dir, DOCKER_HOST: 'ssh://me@far', MUSTER_URL: 'http://127.0.0.1:9' },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    return JSON.parse(await text(doctor.stdout)) as Finding[];
  }

  test('an engine and its events are read through the standard streams of ssh', async () => {
    const socketPath = await replay();
    const findings = await runDoctorWithSsh(`#!${process.execPath}
      const connection = require('node:net').connect(${JSON.stringify(socketPath)});
      process.stdin.pipe(connection).pipe(process.stdout);`);
    expect(findings.filter(({ verdict }) => verdict === 'ok').map(({ check }) => check)).toEqual(
      expect.arrayContaining(['engine', 'permissions']),
    );
    expect(findings.find(({ check }) => check === 'engine')!.found).toContain('Docker 28.5.2');
  });

  test('the error of a failed connection contains ssh’s message', async () => {
    const findings = await runDoctorWithSsh('#!/bin/sh\necho "far: Permission denied (publickey)." >&2\nexit 255\n');
    expect(findings.find(({ check }) => check === 'engine')).toMatchObject({
      verdict: 'failed',
      found: expect.stringContaining('Permission denied (publickey)'),
      advice: expect.stringMatching(/./),
    });
  });
});

describe('the engine’s address', () => {
  async function makeContext(name: string, meta: object): Promise<void> {
    const id = createHash('sha256').update(name).digest('hex');
    const folder = join(dir, 'docker', 'contexts', 'meta', id);
    await mkdir(folder, { recursive: true });
    await writeFile(join(folder, 'meta.json'), JSON.stringify(meta));
  }
  const meta = { Name: 'far', Endpoints: { docker: { Host: 'tcp://far', SkipTLSVerify: false } } };

  test('comes from DOCKER_HOST, then from the selected docker context, then from the current context', async () => {
    await makeContext('far', meta);
    await makeContext('near', { Endpoints: { docker: { Host: 'unix:///near.sock' } } });
    await writeFile(join(dir, 'docker', 'config.json'), JSON.stringify({ currentContext: 'far', auths: {} }));
    expect((await locateEngine(choice({}))).address).toMatchObject({ kind: 'tcp', host: 'far', tls: null });
    expect((await locateEngine(choice({ context: 'near' }))).address).toMatchObject({ socketPath: '/near.sock' });
    const address = EngineAddress.parse('unix:///host.sock');
    expect((await locateEngine(choice({ context: 'near', address }))).address).toEqual(address);
  });

  test('has the certificates of its docker context, and the default port for TLS', async () => {
    await makeContext('far', meta);
    const certPath = join(dir, 'docker', 'contexts', 'tls', createHash('sha256').update('far').digest('hex'), 'docker');
    await mkdir(certPath, { recursive: true });
    expect((await locateEngine(choice({ context: 'far' }))).address).toMatchObject({
      port: 2376,
      tls: { certPath, isVerified: true },
    });
  });

  test('cannot come from a missing context or a context without an engine, and the error says why', async () => {
    await expect(locateEngine(choice({ context: 'gone' }))).rejects.toThrow("there is no docker context 'gone'");
    await makeContext('odd', { Endpoints: {} });
    await expect(locateEngine(choice({ context: 'odd' }))).rejects.toThrow('names no engine');
  });

  test('is the first existing socket if neither DOCKER_HOST nor a context is set', async () => {
    const runtimeDir = join(dir, 'run');
    await mkdir(join(runtimeDir, 'podman'), { recursive: true });
    const podman = join(runtimeDir, 'podman', 'podman.sock');
    const replayed = await startReplayedEngine({
      capturedEngine: 'podman-4.3',
      listen: { socketPath: podman },
      seed: 1,
    });
    closers.push(() => replayed.close());
    const found = await locateEngine(choice({ runtimeDir }));
    // If this machine runs a rootful Docker or Podman, the socket of that engine comes first.
    const label = await reachable('/var/run/docker.sock', '/run/podman/podman.sock');
    expect(found.address.label).toBe(`unix://${label ?? podman}`);
  });

  async function reachable(...paths: string[]): Promise<string | undefined> {
    for (const path of paths) {
      const isReachable = await new Promise<boolean>((resolve) => {
        const connection = createConnection(path, () => resolve(true)).on('error', () => resolve(false));
        connection.on('connect', () => connection.destroy());
      });
      if (isReachable) return path;
    }
    return undefined;
  }
});
