/** Tests the message of a command that cannot reach Muster. */
import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals';
import { execFileSync } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, type RequestListener } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { createServer as createTcpServer, type AddressInfo, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runCli } from '../src/command-line.js';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'muster-cli-'));
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', 'key.pem'];
  const certificate = ['-x509', '-days', '2', '-subj', '/CN=127.0.0.1', '-addext', 'subjectAltName=IP:127.0.0.1'];
  execFileSync('openssl', ['req', ...certificate, ...key, '-out', 'cert.pem'], { cwd: folder, stdio: 'ignore' });
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const servers: Server[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) server.close();
});

/** Starts a server on a free port of the loopback address. Returns its host and port. */
async function listen(server: Server): Promise<string> {
  servers.push(server.listen(0, '127.0.0.1'));
  await new Promise((resolve) => server.once('listening', resolve));
  return `127.0.0.1:${(server.address() as AddressInfo).port}`;
}
const plain = (handler: RequestListener) =>
  listen(createServer((req, res) => handler(req, res.setHeader('Connection', 'close'))));
const tls = async (handler: RequestListener) =>
  listen(
    createTlsServer(
      { key: await readFile(join(folder, 'key.pem')), cert: await readFile(join(folder, 'cert.pem')) },
      handler,
    ),
  );

async function muster(args: string[], env: Record<string, string>) {
  const written = { out: '', err: '' };
  const code = await runCli(args, {
    env,
    out: (text) => void (written.out += text),
    err: (text) => void (written.err += text),
    screen: null,
    askSecret: () => Promise.resolve('muster_key_x'),
    interrupted: new AbortController().signal,
  });
  return { code, ...written };
}

/** Runs `hosts` and returns its message. */
async function messageAt(url: string): Promise<string> {
  const { code, out, err } = await muster(['hosts'], { MUSTER_URL: url, MUSTER_KEY: 'muster_key_x' });
  expect({ code, out }).toEqual({ code: 4, out: '' });
  expect(err).toMatch(/^muster: .+\n$/);
  return err.trim().replace('muster: ', '');
}
const html =
  (title: string): RequestListener =>
  (_req, res) =>
    res.setHeader('Content-Type', 'text/html').end(`<!doctype html><title>${title}</title>`);

test('if no server is running, the error contains the port', async () => {
  expect(await messageAt('http://127.0.0.1:2')).toBe(
    'http://127.0.0.1:2: the server refuses connections on port 2; ' +
      'check that the API is running, and that MUSTER_URL has the right port',
  );
});

test('the error says that fetch blocks the port', async () => {
  expect(await messageAt('http://127.0.0.1:6000')).toBe(
    'http://127.0.0.1:6000: port 6000 is reserved for another protocol, so Node.js and browsers do not connect to it; ' +
      'run the API on another port, and set MUSTER_URL to it',
  );
});

test('the error says that a name cannot be resolved', async () => {
  expect(await messageAt('http://muster.invalid')).toMatch(/: the name muster\.invalid cannot be resolved; .*DNS/);
});

test('the error for a self-signed certificate suggests NODE_EXTRA_CA_CERTS', async () => {
  const host = await tls(html('x'));
  expect(await messageAt(`https://${host}`)).toMatch(
    /: its certificate is self-signed; set NODE_EXTRA_CA_CERTS to a file with that certificate/,
  );
});

test('the error for https on a port without TLS suggests http', async () => {
  const host = await plain(html('x'));
  expect(await messageAt(`https://${host}`)).toContain(
    `: this port does not speak TLS, and the address begins with https:; set MUSTER_URL to http://${host}`,
  );
});

test('the error for http on a port with TLS suggests https', async () => {
  const host = await tls(html('x'));
  expect(await messageAt(`http://${host}`)).toContain(`set MUSTER_URL to https://${host} if this port speaks TLS`);
  const nginx = await plain((_req, res) => {
    res.writeHead(400, { 'Content-Type': 'text/html' });
    res.end('<html><center>The plain HTTP request was sent to HTTPS port</center></html>');
  });
  expect(await messageAt(`http://${nginx}`)).toBe(
    `http://${nginx}: this port speaks TLS, and the address begins with http:; set MUSTER_URL to https://${nginx}`,
  );
});

test('the error for a redirect suggests the target address', async () => {
  const host = await plain((req, res) =>
    res.writeHead(301, { Location: `https://muster.example.org${req.url}` }).end(),
  );
  expect(await messageAt(`http://${host}/base/`)).toBe(
    `http://${host}/base: it redirects to https://muster.example.org/base; ` +
      'set MUSTER_URL to https://muster.example.org/base',
  );
});

test.each<[string, RequestListener]>([
  ['a redirect to it', (_req, res) => res.writeHead(302, { Location: 'https://sso.example.org/login?rd=x' }).end()],
  ['a status 401', (_req, res) => res.writeHead(401, { 'Content-Type': 'text/html' }).end('<h1>Sign in</h1>')],
  ['a form', (_req, res) => res.writeHead(200, { 'Content-Type': 'text/html' }).end('<input type="password">')],
])('the error says that a proxy requires a sign-in (%s)', async (_, handler) => {
  expect(await messageAt(`http://${await plain(handler)}`)).toMatch(
    /: something in front of Muster requires a sign-in \(\d+.*\); let \/api\/\* through/,
  );
});

test('the error describes a server that is not Muster, even if this server returns 200', async () => {
  const nginx = await plain(html('Welcome to nginx!'));
  expect(await messageAt(`http://${nginx}`)).toBe(
    `http://${nginx}: the server at this address is not Muster (200: Welcome to nginx!); ` +
      'set MUSTER_URL to Muster’s address, with its port and its path',
  );
  const other = await plain((_req, res) => res.setHeader('Content-Type', 'application/json').end('{"status":"UP"}'));
  expect(await messageAt(`http://${other}`)).toContain(': the server at this address is not Muster (200)');
});

test('the error describes a failing proxy and a server that does not speak HTTP', async () => {
  const proxy = await plain((_req, res) => res.writeHead(502).end('<title>502 Bad Gateway</title>'));
  expect(await messageAt(`http://${proxy}`)).toContain(': a proxy in front of Muster answers 502: 502 Bad Gateway;');
  const ssh = await listen(createTcpServer((socket) => void socket.on('error', () => undefined).end('SSH-2.0-x\r\n')));
  expect(await messageAt(`http://${ssh}`)).toContain(': the server at this address does not speak HTTP;');
});

test('a failed login saves nothing', async () => {
  const url = `http://${await plain(html('Welcome to nginx!'))}`;
  const { code, err } = await muster(['login', url], { XDG_CONFIG_HOME: folder });
  expect(code).toBe(4);
  expect(err).toMatch(/: the server at this address is not Muster .*; set the URL to Muster’s address/);
  expect((await muster(['hosts'], { XDG_CONFIG_HOME: folder })).err).toMatch(/^muster: no server configured: /);
});

test.each([[['events', '--follow']], [['containers', '--watch']]])(
  '%j exits if the first connection fails',
  async (args) => {
    const url = `http://${await plain(html('Welcome to nginx!'))}`;
    const { code, err } = await muster(args, { MUSTER_URL: url, MUSTER_KEY: 'muster_key_x' });
    expect(code).toBe(4);
    expect(err).toContain('the server at this address is not Muster (200: Welcome to nginx!)');
  },
);

test('the key can be in a file that ends with a line break', async () => {
  const file = join(folder, 'key');
  await writeFile(file, 'muster_key_x\n');
  let authorization: string | undefined;
  const server = await plain((req, res) => {
    authorization = req.headers.authorization;
    res.setHeader('Content-Type', 'application/json').end('{"items":[],"nextCursor":null}');
  });
  expect(await muster(['hosts'], { MUSTER_URL: `http://${server}`, MUSTER_KEY_FILE: file })).toMatchObject({ code: 0 });
  expect(authorization).toBe('Bearer muster_key_x');
});

test('an unreadable key file is an error, even if there is a saved key', async () => {
  const env = { MUSTER_URL: 'http://127.0.0.1:2', MUSTER_KEY_FILE: join(folder, 'missing') };
  expect(await muster(['hosts'], env)).toEqual({
    code: 2,
    out: '',
    err: 'muster: MUSTER_KEY_FILE must be the path of a readable file that contains the secret: no such file or directory\n',
  });
  expect(await muster(['hosts'], { ...env, MUSTER_KEY: 'muster_key_x' })).toMatchObject({
    code: 2,
    err: 'muster: MUSTER_KEY and MUSTER_KEY_FILE are both set: unset one of them\n',
  });
});
