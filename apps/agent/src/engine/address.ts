import { z } from 'zod';

/** The address of an engine. `label` is the address as shown in messages. */
export type EngineAddress =
  | { kind: 'unix'; socketPath: string; label: string }
  | { kind: 'tcp'; host: string; port: number; label: string; tls: EngineTls | null }
  | { kind: 'ssh'; host: string; port: string | null; user: string | null; remotePath: string | null; label: string };

/** TLS options for an engine. */
export interface EngineTls {
  /** The directory with ca.pem, cert.pem and key.pem, each of which may be missing. */
  certPath: string;
  /** False only if a docker context turns verification off. */
  isVerified: boolean;
}

/** The default address of Docker, and of Podman's Docker-compatible service. */
export const DOCKER_HOST_DEFAULT = 'unix:///var/run/docker.sock';

/**
 * Parses a value of `DOCKER_HOST`. The result has TLS options only for an https:// address; `withTls` adds them to
 * other addresses.
 */
export const EngineAddress = z.string().transform((value, context): EngineAddress => {
  const address = parseUnixAddress(value) ?? parseTcpAddress(value) ?? parseSshAddress(value);
  if (address !== null) return address;
  const message = /^npipe:/.test(value)
    ? 'begins with npipe:, which this agent does not support; use unix://, tcp:// or ssh://'
    : 'must be unix:///path/of.sock, tcp://host:port or ssh://user@host';
  context.issues.push({ code: 'custom', message, input: value });
  return z.NEVER;
});

/** Adds TLS options to a TCP address. With TLS, the default port is 2376, as in Docker's own tools. */
export const withTls = (address: EngineAddress, tls: EngineTls | null): EngineAddress =>
  address.kind !== 'tcp' || tls === null ? address : { ...address, tls, port: address.port || 2376 };

function parseUnixAddress(value: string): EngineAddress | null {
  const path = /^unix:\/\/(\/.+)$/.exec(value)?.[1];
  return path === undefined ? null : { kind: 'unix', socketPath: path, label: value };
}

function parseTcpAddress(value: string): EngineAddress | null {
  const authority = /^(?:tcp|https?):\/\/([^/@?#]+)\/?$/.exec(value)?.[1];
  if (authority === undefined || !URL.canParse(`http://${authority}`)) return null;
  const { hostname, port } = new URL(`http://${authority}`);
  const explicitPort = port !== '' ? Number(port) : /:80$/.test(authority) ? 80 : 0;
  const tls = value.startsWith('https:') ? { certPath: '', isVerified: true } : null;
  const label = explicitPort === 0 ? `tcp://${hostname}` : `tcp://${hostname}:${explicitPort}`;
  return { kind: 'tcp', host: hostname, port: explicitPort, label, tls };
}

function parseSshAddress(value: string): EngineAddress | null {
  if (!value.startsWith('ssh://') || !URL.canParse(value)) return null;
  const { hostname, port, username, password, pathname } = new URL(value);
  // If a value began with a dash, ssh would treat it as a flag.
  if (hostname === '' || hostname.startsWith('-') || username.startsWith('-') || password !== '') return null;
  const remotePath = pathname === '' || pathname === '/' ? null : decodeURIComponent(pathname);
  if (remotePath !== null && !/^[\w./-]+$/.test(remotePath)) return null;
  return {
    kind: 'ssh',
    host: hostname,
    port: port || null,
    user: decodeURIComponent(username) || null,
    remotePath,
    label: value,
  };
}
