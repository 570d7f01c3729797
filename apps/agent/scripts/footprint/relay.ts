import { connect, createServer, type AddressInfo, type Socket } from 'node:net';

/** The number of exchanges of one kind, and their TCP payload in both directions, including headers. */
export interface Exchanges {
  count: number;
  bytes: number;
}

/** Traffic between an agent and the API. */
export interface Traffic {
  heartbeats: Exchanges;
  snapshots: Exchanges;
}

/** A relay on the loopback interface that forwards all bytes unchanged. */
export interface Relay {
  readonly url: string;
  count(): Traffic;
  close(): Promise<void>;
}

/** Starts a relay that forwards to the API at `apiUrl` and counts the traffic. */
export async function startRelay(apiUrl: string): Promise<Relay> {
  const { hostname: host, port } = new URL(apiUrl);
  const traffic: Traffic = { heartbeats: { count: 0, bytes: 0 }, snapshots: { count: 0, bytes: 0 } };
  const openSockets = new Set<Socket>();
  const server = createServer((agent) => {
    const api = connect({ host, port: Number(port) });
    /**
     * The counters for the current exchange's kind. An agent has at most one request in flight, so there is only one
     * exchange at a time.
     */
    let current: Exchanges = { count: 0, bytes: 0 };
    agent.on('data', (chunk: Buffer) => {
      // The first line of a request arrives in one chunk with its headers, before any compressed data.
      const line = chunk.subarray(0, 64).toString('latin1');
      if (line.startsWith('POST /api/agent/heartbeat ')) current = traffic.heartbeats;
      else if (line.startsWith('POST /api/agent/containers ')) current = traffic.snapshots;
      else if (/^(GET|POST|DELETE) \//.test(line)) current = { count: 0, bytes: 0 };
      if (/^(GET|POST|DELETE) \//.test(line)) current.count++;
      current.bytes += chunk.length;
    });
    api.on('data', (chunk: Buffer) => void (current.bytes += chunk.length));
    agent.pipe(api).pipe(agent);
    for (const [socket, other] of [
      [agent, api],
      [api, agent],
    ] as const) {
      openSockets.add(socket);
      socket.on('error', () => other.destroy());
      socket.on('close', () => openSockets.delete(socket));
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    count: () => ({ heartbeats: { ...traffic.heartbeats }, snapshots: { ...traffic.snapshots } }),
    async close() {
      for (const socket of openSockets) socket.destroy();
      await new Promise((resolve) => void server.close(resolve));
    },
  };
}
