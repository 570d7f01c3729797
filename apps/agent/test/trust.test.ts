import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { rootCertificates } from 'node:tls';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { createMusterClient } from '../src/muster/client.js';
import { TRUST_DEFAULT, loadTrust, type TrustSettings } from '../src/muster/trust.js';
import { makeCertificates, makeSelfSignedCertificate } from './certificates.js';

let dir: string;
let issuedByCa: Server;
let selfSigned: Server;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'muster-trust-'));
  await makeCertificates(dir);
  makeSelfSignedCertificate(dir);
  await writeFile(join(dir, 'other.pem'), rootCertificates[0]!);
  issuedByCa = await serve('cert.pem', 'key.pem');
  selfSigned = await serve('self-signed.pem', 'self-signed-key.pem');
});
afterAll(async () => {
  issuedByCa.close();
  selfSigned.close();
  await rm(dir, { recursive: true });
});

const inDir = (name: string): string => join(dir, name);

/** Starts an API that answers each request with the token's host. */
async function serve(certificate: string, keyFile: string): Promise<Server> {
  const [cert, key] = await Promise.all([certificate, keyFile].map((name) => readFile(inDir(name))));
  const holder = {
    hostId: '9f4d6c5e-0a3b-4c1d-8e2f-7a6b5c4d3e2f',
    cadence: { heartbeatSeconds: 10, snapshotSeconds: 60 },
  };
  const server = createServer({ cert: cert!, key: key! }, (_request, response) => response.end(JSON.stringify(holder)));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return server;
}

/** Returns `ok`, or the reason why the client does not trust the server. */
async function call(server: Server, trust: Partial<TrustSettings>): Promise<string> {
  const client = createMusterClient({
    musterUrl: `https://127.0.0.1:${(server.address() as AddressInfo).port}`,
    trust: { ...TRUST_DEFAULT, ...trust },
    wallNow: () => new Date(),
  });
  const answer = await client.getTokenHolder('token', new AbortController().signal);
  client.close();
  return answer.kind === 'ok' ? 'ok' : answer.reason;
}

describe('a certificate of a private CA', () => {
  test.each<[keyof TrustSettings, Partial<TrustSettings>]>([
    ['caFile', {}],
    ['systemFile', {}],
    ['extraFile', {}],
    // The other settings contain files without this CA.
    ['caFile', { systemFile: 'other.pem', extraFile: 'other.pem' }],
  ])('is trusted with the CA in %s (and %j)', async (name, others) => {
    const settings = Object.fromEntries(Object.entries(others).map(([key, file]) => [key, inDir(file as string)]));
    expect(await call(issuedByCa, { ...settings, [name]: inDir('ca.pem') })).toBe('ok');
  });

  test('is not trusted without its CA, and the error contains the name of the setting', async () => {
    expect(await call(issuedByCa, {})).toMatch(
      /^https:\/\/127\.0\.0\.1:\d+: its certificate is from a CA that this machine does not trust.*MUSTER_CA_FILE/,
    );
    expect(await call(issuedByCa, { systemFile: inDir('other.pem') })).toContain('does not trust');
  });
});

test('a self-signed certificate is trusted if MUSTER_CA_FILE contains its path, as the message advises', async () => {
  expect(await call(selfSigned, {})).toContain(
    'its certificate is self-signed; set MUSTER_CA_FILE to a file with that certificate',
  );
  expect(await call(selfSigned, { caFile: inDir('self-signed.pem') })).toBe('ok');
});

describe('a certificate file that cannot be used', () => {
  beforeAll(async () => {
    await writeFile(inDir('empty.pem'), 'subject=a company\n');
    const ca = await readFile(inDir('ca.pem'), 'utf8');
    await writeFile(inDir('damaged.pem'), `${ca}\n${ca.replace('\nMII', '\nAAA')}`);
    await mkdir(inDir('directory'));
  });

  test.each([
    ['missing.pem', 'the file does not exist'],
    ['empty.pem', 'it contains no certificate in PEM format'],
    ['damaged.pem', 'its certificate 2 of 2 is damaged'],
    ['directory', 'it is a directory'],
  ])('is reported with its path, its variable and the reason (%s)', (file, reason) => {
    for (const [name, variable] of [
      ['caFile', 'MUSTER_CA_FILE'],
      ['systemFile', 'SSL_CERT_FILE'],
      ['extraFile', 'NODE_EXTRA_CA_CERTS'],
    ] as const) {
      const load = (): unknown => loadTrust({ ...TRUST_DEFAULT, [name]: inDir(file) });
      expect(load).toThrow(`cannot use ${inDir(file)} (${variable}): ${reason}`);
      expect(load).toThrow(expect.objectContaining({ exitCode: 2 }));
    }
  });

  test('causes no error for an http: address', () => {
    const trust = { ...TRUST_DEFAULT, caFile: inDir('missing.pem') };
    createMusterClient({ musterUrl: 'http://127.0.0.1:9', trust, wallNow: () => new Date() }).close();
  });
});
