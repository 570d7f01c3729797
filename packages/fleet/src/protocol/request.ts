import { Paths, SnapshotHeaderNames } from '@muster/contracts';

/** A request as it goes over the wire. */
export interface WireRequest {
  head: string;
  body: Buffer | null;
}

/** Whoever speaks for a host. */
export interface Sender {
  token: string;
  /** Of its agent's run. */
  stream: string;
  /** A header more, `name: value`, for servers that know hosts otherwise than by token. */
  header?: string;
}

function post(path: string, { token, stream, header }: Sender, headers: string, body: Buffer): WireRequest {
  const head = [
    `POST ${path} HTTP/1.1`,
    'Host: 127.0.0.1',
    `Authorization: Bearer ${token}`,
    'Content-Type: application/json',
    `Content-Length: ${body.length}`,
    ...(header === undefined ? [] : [header]),
    `${SnapshotHeaderNames.stream}: ${stream}${headers}`,
  ];
  return { head: `${head.join('\r\n')}\r\n\r\n`, body };
}

/** The snapshot that is the `sequence`th of its stream, observed now; `encoding`: how its body is compressed. */
export function snapshotRequest(
  sender: Sender,
  sequence: number,
  body: Buffer,
  encoding: 'gzip' | null = null,
): WireRequest {
  const observedAt = new Date().toISOString();
  const order = `\r\n${SnapshotHeaderNames.sequence}: ${sequence}\r\n${SnapshotHeaderNames.observedAt}: ${observedAt}`;
  const encoded = encoding === null ? '' : `\r\nContent-Encoding: ${encoding}`;
  return post(Paths.agentContainers, sender, `${order}${encoded}`, body);
}

export const heartbeatRequest = (sender: Sender, digest: string | null): WireRequest =>
  post(Paths.agentHeartbeat, sender, '', Buffer.from(JSON.stringify({ digest })));

export const getRequest = (path: string, key: string): WireRequest => ({
  head: `GET ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer ${key}\r\n\r\n`,
  body: null,
});
