import { Paths, SnapshotHeaderNames } from '@muster/contracts';

/** Names the sending host to the servers that Muster is compared with. Muster ignores it: it knows the token. */
export const HOST_HEADER = 'bench-host-id';

/** A request as it goes over the wire. */
export interface WireRequest {
  head: string;
  body: Buffer | null;
}

interface Sender {
  hostId: string;
  token: string;
  stream: string;
}

function post(path: string, { hostId, token, stream }: Sender, headers: string, body: Buffer): WireRequest {
  const head = [
    `POST ${path} HTTP/1.1`,
    'Host: 127.0.0.1',
    `Authorization: Bearer ${token}`,
    'Content-Type: application/json',
    `Content-Length: ${body.length}`,
    `${HOST_HEADER}: ${hostId}`,
    `${SnapshotHeaderNames.stream}: ${stream}${headers}`,
  ];
  return { head: `${head.join('\r\n')}\r\n\r\n`, body };
}

export function snapshotRequest(sender: Sender, sequence: number, body: Buffer): WireRequest {
  const observedAt = new Date().toISOString();
  const order = `\r\n${SnapshotHeaderNames.sequence}: ${sequence}\r\n${SnapshotHeaderNames.observedAt}: ${observedAt}`;
  return post(Paths.agentContainers, sender, order, body);
}

export const heartbeatRequest = (sender: Sender, digest: string | null): WireRequest =>
  post(Paths.agentHeartbeat, sender, '', Buffer.from(JSON.stringify({ digest })));

export const getRequest = (path: string, key: string): WireRequest => ({
  head: `GET ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer ${key}\r\n\r\n`,
  body: null,
});
