import { connect, createServer, type AddressInfo } from 'node:net';

/** What went over the wire between an agent and the API, as TCP's payload: headers included, in both directions. */
export interface WireCount {
  bytes: number;
  heartbeats: number;
  snapshots: number;
}

/** A relay on the loopback interface that passes everything on as it is. */
export interface Relay {
  readonly url: string;
  count(): WireCount;
  close(): Promise<void>;
}

/** Stands between an agent and the API at `apiUrl`, and counts. */
export async function startRelay(apiUrl: string): Promise<Relay> {
  const { hostname: host, port } = new URL(apiUrl);
  const counted: WireCount = { bytes: 0, heartbeats: 0, snapshots: 0 };
  const server = createServer((agent) => {
    const api = connect({ host, port: Number(port) });
    agent.on('data', (chunk: Buffer) => {
      counted.bytes += chunk.length;
      // A request's first line comes in one piece with its headers, and holds nothing that was compressed.
      if (chunk.includes('/api/agent/heartbeat')) counted.heartbeats++;
      if (chunk.includes('/api/agent/containers')) counted.snapshots++;
    });
    api.on('data', (chunk: Buffer) => void (counted.bytes += chunk.length));
    agent.pipe(api).pipe(agent);
    // A side that breaks off takes the other with it.
    agent.on('error', () => api.destroy());
    api.on('error', () => agent.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    count: () => ({ ...counted }),
    close: () => new Promise((resolve) => void server.close(() => resolve())),
  };
}
