#!/usr/local/bin/node
/**
 * Replaces wollomatic/socket-proxy, whose image the tests cannot pull. Supports the flags of deploy/compose.yaml with
 * the same meaning. It forwards a GET request to the engine's socket if two conditions are met: the client is the host
 * of -allowfrom, and -allowGET matches the whole path. If it is started as /healthcheck, it runs the image's health
 * check.
 */
import { lookup } from 'node:dns/promises';
import { createServer, get, request } from 'node:http';

const SOCKET = '/var/run/docker.sock';
const HEALTH = { host: '127.0.0.1', port: 55_555, path: '/health' };

const flags = new Map(process.argv.slice(2).map((argument) => /^-(\w+)=?(.*)$/s.exec(argument).slice(1)));
const allowed = new RegExp(`^${flags.get('allowGET')}$`);

/** Answers with 403 unless the request is allowed. */
async function forward(from, to) {
  const { address } = await lookup(flags.get('allowfrom'), { family: 4 }).catch(() => ({ address: null }));
  const isAllowed = from.method === 'GET' && allowed.test(from.url.split('?')[0]);
  if (from.socket.remoteAddress !== address || !isAllowed) return to.writeHead(403).end();
  const onward = request({ socketPath: SOCKET, path: from.url, headers: from.headers }, (answer) => {
    to.writeHead(answer.statusCode, answer.headers);
    to.flushHeaders();
    answer.pipe(to);
  });
  onward.on('error', () => to.destroy());
  to.on('close', () => onward.destroy());
  onward.end();
}

if (process.argv[1] === '/healthcheck') {
  get(HEALTH, ({ statusCode }) => process.exit(statusCode === 200 ? 0 : 1)).on('error', () => process.exit(1));
} else {
  createServer(forward).listen(2375, flags.get('listenip'));
  if (flags.has('allowhealthcheck')) {
    createServer((_, to) => {
      const ping = get({ socketPath: SOCKET, path: '/_ping' }, ({ statusCode }) => to.writeHead(statusCode).end());
      ping.on('error', () => to.writeHead(503).end());
    }).listen(HEALTH.port, HEALTH.host);
  }
  process.on('SIGTERM', () => process.exit(0));
}
