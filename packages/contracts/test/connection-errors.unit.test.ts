import { describe, expect, test } from '@jest/globals';
import {
  describeConnectionError,
  describeForeignResponse,
  type ConnectionError,
  type ConnectionSettings,
  type ForeignResponse,
} from '../src/connection-errors.js';

const settings = (url: string, proxy: ConnectionSettings['proxy'] = null): ConnectionSettings => ({
  url,
  urlSetting: 'MUSTER_URL',
  caSetting: 'MUSTER_CA_FILE',
  proxy,
});
const PROXY = { url: 'http://me:secret@proxy.example:3128/', setting: 'HTTPS_PROXY' };
const error = (code: string | null, message = '', rest: Partial<ConnectionError> = {}): ConnectionError => ({
  code,
  message,
  isAtProxy: false,
  connectStatus: null,
  ...rest,
});
const WRONG_VERSION =
  'write EPROTO 80FC223F847F0000:error:0A00010B:SSL routines:ssl3_get_record:wrong version number:' +
  '../deps/openssl/openssl/ssl/record/ssl3_record.c:350:\n';

describe('the description of a request without a response', () => {
  test.each([
    ['ECONNREFUSED', '', 'unreachable', 'the server refuses connections on port 443', 'right port'],
    ['ENOTFOUND', '', 'unreachable', 'the name m.example cannot be resolved', 'spelling in MUSTER_URL'],
    ['EAI_AGAIN', '', 'unreachable', 'the name m.example cannot be resolved', 'name server does not answer'],
    ['EHOSTUNREACH', '', 'unreachable', 'there is no route to m.example', 'network'],
    ['ETIMEDOUT', '', 'unreachable', 'the server does not answer in time', 'firewalls'],
    ['UND_ERR_CONNECT_TIMEOUT', '', 'unreachable', 'the server does not answer in time', 'firewalls'],
    ['DEPTH_ZERO_SELF_SIGNED_CERT', '', 'certificate', 'its certificate is self-signed', 'MUSTER_CA_FILE'],
    ['SELF_SIGNED_CERT_IN_CHAIN', '', 'certificate', 'its certificate is from a CA that this', 'MUSTER_CA_FILE'],
    ['UNABLE_TO_VERIFY_LEAF_SIGNATURE', '', 'certificate', 'does not send the intermediate', 'MUSTER_CA_FILE'],
    ['CERT_HAS_EXPIRED', '', 'certificate', 'its certificate has expired', 'renew it on the server'],
    ['CERT_NOT_YET_VALID', '', 'certificate', 'its certificate is not valid yet', 'clock'],
    ['ERR_TLS_CERT_ALTNAME_INVALID', '', 'certificate', 'for another name than m.example', 'MUSTER_URL'],
    ['EPROTO', WRONG_VERSION, 'protocol', 'this port does not speak TLS', 'set MUSTER_URL to http://m.example'],
    ['ERR_SSL_PACKET_LENGTH_TOO_LONG', '', 'protocol', 'this port does not speak TLS', 'http://m.example'],
    ['HPE_INVALID_CONSTANT', 'Parse Error', 'protocol', 'does not speak HTTP', 'MUSTER_URL'],
    ['ECONNRESET', 'socket hang up', 'unreachable', 'closed without an answer', 'firewalls'],
    [
      'EPROTO',
      'error:0A000410:SSL routines:sslv3 alert handshake failure:../deps/x.c:1:\n',
      'certificate',
      'TLS',
      'TLS',
    ],
    [null, 'something else', 'unreachable', 'something else', 'MUSTER_URL is its address'],
    [null, '', 'unreachable', 'the connection failed', 'MUSTER_URL is its address'],
  ])('with code %s and message %j states the reason and the fix', (code, message, kind, problem, advice) => {
    const diagnosis = describeConnectionError(settings('https://m.example'), error(code, message));
    expect(diagnosis).toEqual({
      kind,
      problem: expect.stringContaining(problem),
      advice: expect.stringContaining(advice),
    });
    expect(`${diagnosis.problem}${diagnosis.advice}`).not.toMatch(/\n|deps|undefined|null/);
  });

  test('suggests https: if a port closes an http: connection or answers with TLS', () => {
    for (const code of ['ECONNRESET', 'HPE_INVALID_CONSTANT']) {
      const { advice } = describeConnectionError(settings('http://m.example:8443/base'), error(code));
      expect(advice).toContain('set MUSTER_URL to https://m.example:8443/base if this port speaks TLS');
    }
  });

  test('contains NO_PROXY and the unreachable proxy without its password', () => {
    expect(
      describeConnectionError(settings('https://m.example', PROXY), error('ECONNREFUSED', '', { isAtProxy: true })),
    ).toEqual({
      kind: 'proxy',
      problem:
        'the proxy http://proxy.example:3128 (HTTPS_PROXY) refuses connections on port 3128; ' +
        'NO_PROXY does not cover m.example',
      advice: 'correct HTTPS_PROXY, or add m.example to NO_PROXY if no proxy is needed for it',
    });
    const untrusted = describeConnectionError(
      settings('https://m.example', PROXY),
      error('DEPTH_ZERO_SELF_SIGNED_CERT', '', { isAtProxy: true }),
    );
    expect(untrusted).toMatchObject({ kind: 'proxy', advice: expect.stringContaining('MUSTER_CA_FILE') });
    for (const code of ['ENOTFOUND', 'EHOSTUNREACH', 'ETIMEDOUT', 'ECONNRESET', 'EPROTO', null]) {
      const { problem, advice } = describeConnectionError(
        settings('https://m.example', PROXY),
        error(code, 'failed', { isAtProxy: true }),
      );
      expect(problem).toMatch(/^the proxy http:\/\/proxy\.example:3128 \(HTTPS_PROXY\) [a-z ]+/);
      expect(problem + advice).not.toContain('secret');
    }
  });

  test.each([
    [407, 'requires a user name and a password', 'set HTTPS_PROXY to http://USER:PASSWORD@host:port'],
    [403, 'answered 403 to CONNECT', 'allow connections to m.example in the proxy'],
    [502, 'answered 502 to CONNECT', 'check that the proxy can reach m.example'],
  ])('contains the setting of a proxy that answers %s to CONNECT', (connectStatus, problem, advice) => {
    expect(describeConnectionError(settings('https://m.example', PROXY), error(null, '', { connectStatus }))).toEqual({
      kind: 'proxy',
      problem: expect.stringContaining(problem),
      advice: expect.stringContaining(advice),
    });
  });

  test('contains the timeout', () => {
    const timedOut = error('ABORT_ERR', 'aborted', { timeoutMs: 20_000 });
    expect(describeConnectionError(settings('https://m.example'), timedOut).problem).toBe(
      'the server did not answer within 20 s',
    );
  });

  test('contains the proxy through which the server fails', () => {
    const through = describeConnectionError(settings('https://m.example', PROXY), error('SELF_SIGNED_CERT_IN_CHAIN'));
    expect(through.problem).toContain('through the proxy http://proxy.example:3128 (HTTPS_PROXY)');
    const closed = describeConnectionError(settings('https://m.example', PROXY), error('ECONNRESET'));
    expect(closed.advice).toContain('check that the proxy may connect to m.example');
  });
});

describe('the description of a response that is not from Muster', () => {
  const response = (status: number, rest: Partial<ForeignResponse> = {}): ForeignResponse => ({
    path: '/api/agent/heartbeat',
    status,
    location: null,
    body: '',
    ...rest,
  });
  const describeAt = (url: string, status: number, rest?: Partial<ForeignResponse>) =>
    describeForeignResponse(settings(url), response(status, rest));

  test.each([
    ['http://m.example', 'https://m.example/api/agent/heartbeat', 'https://m.example'],
    ['http://m.example/base', 'https://other.example:8443/base/api/agent/heartbeat', 'https://other.example:8443/base'],
    ['http://m.example', '/muster/api/agent/heartbeat', 'http://m.example/muster'],
    ['http://m.example:80/base', 'https://m.example/', 'https://m.example/base'],
  ])('of a redirect from %s to %s says which address to set', (url, location, base) => {
    expect(describeAt(url, 301, { location })).toEqual({
      kind: 'redirect',
      problem: `it redirects to ${base}`,
      advice: `set MUSTER_URL to ${base}`,
    });
  });

  test('of a redirect contains the target without its query', () => {
    expect(describeAt('https://m.example', 302, { location: 'https://www.example/welcome?secret=1' })).toMatchObject({
      kind: 'redirect',
      problem: expect.stringMatching(/^it redirects to https:\/\/www\.example\/welcome,/),
    });
    expect(describeAt('https://m.example', 301, { location: '/api/agent/heartbeat' }).kind).toBe('redirect');
    for (const location of ['http://[', 'mailto:someone']) {
      expect(describeAt('https://m.example', 302, { location }).kind).toBe('foreign');
    }
    expect(describeAt('https://m.example', 304).kind).toBe('foreign');
  });

  test.each([
    [302, { location: '/login?next=%2Fapi' }, '302 to https://m.example/login'],
    [302, { location: 'https://idp.example/oauth2/authorize?state=x' }, '302 to https://idp.example/oauth2/authorize'],
    [401, { body: '<html><title>401</title></html>' }, '401'],
    [200, { body: '<form><input name=p type="password"></form>' }, '200'],
  ])('of a sign-in page (%s, %j) says which paths to let through', (status, rest, place) => {
    expect(describeAt('https://m.example', status, rest)).toEqual({
      kind: 'sign-in',
      problem: `something in front of Muster requires a sign-in (${place})`,
      advice: 'let /api/agent/* through without a sign-in there; Muster checks its own tokens',
    });
  });

  test('of a sign-in page contains the client’s paths', () => {
    const adviceFor = (path: string): string => describeAt('https://m.example', 401, { path }).advice;
    expect(adviceFor('/api/hosts')).toMatch(/^let \/api\/\* through/);
    expect(adviceFor('/healthz')).toMatch(/^let \/healthz through/);
    expect(describeAt('https://m.example', 403).advice).toBe('allow /api/agent/heartbeat in the proxy or firewall');
    expect(describeAt('https://m.example', 413).advice).toContain('client_max_body_size 10m');
  });

  test.each([
    '<html><center>The plain HTTP request was sent to HTTPS port</center></html>',
    'Client sent an HTTP request to an HTTPS server.\n',
    'Reason: You’re speaking plain HTTP to an SSL-enabled server port.',
  ])('of plain HTTP to a TLS port (%s) suggests https:', (body) => {
    expect(describeAt('http://m.example:8443', 400, { body })).toEqual({
      kind: 'protocol',
      problem: 'this port speaks TLS, and the address begins with http:',
      advice: 'set MUSTER_URL to https://m.example:8443',
    });
  });

  test.each([
    [
      200,
      '<!DOCTYPE html><title>Welcome to\n nginx!</title>',
      'the server at this address is not Muster (200: Welcome to nginx!)',
    ],
    [200, '', 'the server at this address is not Muster (200)'],
    [200, 'OK\u001b[2J', 'the server at this address is not Muster (200: OK\ufffd[2J)'],
    [200, '{"status":"UP"}', 'the server at this address is not Muster (200)'],
    [404, '404 page not found', 'the server at this address is not Muster (404: 404 page not found)'],
    [403, '<title>Blocked</title>', 'a proxy or firewall in front of Muster refuses the request (403: Blocked)'],
    [
      413,
      '<title>413 Too Large</title>',
      'a proxy or firewall in front of Muster refuses the request (413: 413 Too Large)',
    ],
    [502, '<title>502 Bad Gateway</title>', 'a proxy in front of Muster answers 502: 502 Bad Gateway'],
    [200, `<title>${'🐳'.repeat(100)}</title>`, `the server at this address is not Muster (200: ${'🐳'.repeat(60)})`],
  ])('of another server (%s, %j) contains the title of its page', (status, body, problem) => {
    expect(describeAt('https://m.example', status, { body }).problem).toBe(problem);
  });

  test('to an http: address contains the proxy in use, because this proxy may have answered', () => {
    const proxied = settings('http://m.example', { ...PROXY, setting: 'HTTP_PROXY' });
    expect(describeForeignResponse(proxied, response(407))).toMatchObject({
      kind: 'proxy',
      problem: expect.stringMatching(
        /^the proxy http:\/\/proxy\.example:3128 \(HTTP_PROXY\) answered 407: it requires/,
      ),
    });
    expect(describeForeignResponse(proxied, response(503)).problem).toBe(
      'a proxy in front of Muster answers 503 (through the proxy http://proxy.example:3128 (HTTP_PROXY))',
    );
    const tunnelled = describeForeignResponse(settings('https://m.example', PROXY), response(503));
    expect(tunnelled.problem).toBe('a proxy in front of Muster answers 503');
  });
});
