import { z } from 'zod';

/** Where an engine listens. `label` is how to name it in a message. */
export type EngineAddress =
  | { kind: 'unix'; socketPath: string; label: string }
  | { kind: 'tcp'; host: string; port: number; label: string; tls: EngineTls | null }
  | { kind: 'ssh'; host: string; port: string | null; user: string | null; remotePath: string | null; label: string };

/** How to speak TLS with an engine. */
export interface EngineTls {
  /** The folder of ca.pem, cert.pem and key.pem; each may be missing. */
  certPath: string;
  /** False only where a docker context says so. */
  isVerified: boolean;
}

/** Where Docker, and Podman's Docker-compatible service, listen by default. */
export const DOCKER_HOST_DEFAULT = 'unix:///var/run/docker.sock';

/** Reads a value of `DOCKER_HOST`; TLS is told elsewhere. */
export const EngineAddress = z.string().transform((value, context): EngineAddress => {
  const address = readUnix(value) ?? readTcp(value) ?? readSsh(value);
  if (address !== null) return address;
  const message = /^npipe:/.test(value)
    ? 'begins with npipe:, which this agent cannot speak; use unix://, tcp:// or ssh://'
    : 'must be unix:///path/of.sock, tcp://host:port or ssh://user@host';
  context.issues.push({ code: 'custom', message, input: value });
  return z.NEVER;
});

/** The address with TLS, where it is one over TCP: on 2376, as Docker's own tools have it, where it names no port. */
export const withTls = (address: EngineAddress, tls: EngineTls | null): EngineAddress =>
  address.kind !== 'tcp' || tls === null ? address : { ...address, tls, port: address.port || 2376 };

function readUnix(value: string): EngineAddress | null {
  const path = /^unix:\/\/(\/.+)$/.exec(value)?.[1];
  return path === undefined ? null : { kind: 'unix', socketPath: path, label: value };
}

function readTcp(value: string): EngineAddress | null {
  const authority = /^(?:tcp|https?):\/\/([^/@?#]+)\/?$/.exec(value)?.[1];
  if (authority === undefined || !URL.canParse(`http://${authority}`)) return null;
  const { hostname, port } = new URL(`http://${authority}`);
  const written = port !== '' ? Number(port) : /:80$/.test(authority) ? 80 : 0;
  const tls = value.startsWith('https:') ? { certPath: '', isVerified: true } : null;
  const label = written === 0 ? `tcp://${hostname}` : `tcp://${hostname}:${written}`;
  return { kind: 'tcp', host: hostname, port: written, label, tls };
}

function readSsh(value: string): EngineAddress | null {
  if (!value.startsWith('ssh://') || !URL.canParse(value)) return null;
  const { hostname, port, username, password, pathname } = new URL(value);
  // What begins with a dash would be a flag of ssh's.
  if (hostname === '' || hostname.startsWith('-') || username.startsWith('-') || password !== '') return null;
  const remotePath = pathname === '' || pathname === '/' ? null : decodeURIComponent(pathname);
  if (remotePath !== null && !/^[\w./-]+$/.test(remotePath)) return null;
  return {
    ...{ kind: 'ssh', host: hostname, port: port || null, user: decodeURIComponent(username) || null, remotePath },
    label: value,
  };
}
