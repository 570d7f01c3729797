import { open, unlink } from 'node:fs/promises';
import { createConnection, createServer } from 'node:net';
import { Engine, HostLabels } from '@muster/contracts';
import { z } from 'zod';

/** The status that a running agent reports to users who can access its state directory. It contains no token. */
export const AgentStatus = z.object({
  version: z.string(),
  pid: z.int(),
  startedAt: z.iso.datetime(),
  musterUrl: z.string(),
  hostId: z.string().nullable(),
  tokenIssuedAt: z.string().nullable(),
  engineAddress: z.string(),
  engine: Engine.nullable(),
  /** The name and the labels that the agent reports. Agents of earlier releases do not send them. */
  hostName: z.string().nullable().default(null),
  labels: HostLabels.default({}),
  acceptedAt: z.string().nullable(),
  containers: z.int().nullable(),
  /**
   * Number of containers with fields that were shortened before they were sent to Muster. Agents of earlier releases do
   * not send this number.
   */
  truncatedContainers: z.int().default(0),
  engineError: z.string().nullable(),
  serverError: z.string().nullable(),
  journalEntries: z.int(),
  isSuperseded: z.boolean(),
  // Agents of earlier releases do not send problems.
  problems: z.array(z.object({ code: z.string(), message: z.string() })).default([]),
});
export type AgentStatus = z.output<typeof AgentStatus>;

const FILE_NAME = 'status.sock';

/** Timeout of a query, in milliseconds. It is short because a running agent answers immediately. */
const ANSWER_TIMEOUT_MS = 2_000;

/** Serves the status on a socket in `stateDir` until `close` is called. The caller must hold the directory's lock. */
export async function serveStatus(stateDir: string, read: () => AgentStatus): Promise<{ close(): Promise<void> }> {
  const server = createServer((connection) => {
    connection.on('error', () => connection.destroy());
    connection.end(`${JSON.stringify(read())}\n`);
  });
  const remove = (): Promise<void> =>
    unlink(`${stateDir}/${FILE_NAME}`).catch((error: unknown) => {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    });
  // Removes the socket of a killed agent. The lock guarantees that no other agent is running.
  await remove();
  await withShortPath(
    stateDir,
    (path) =>
      new Promise<void>((resolve, reject) => {
        server.once('error', reject);
        server.listen(path, resolve);
      }),
  );
  server.unref();
  return {
    async close() {
      await new Promise<void>((resolve) => server.close(() => resolve()));
      await remove();
    },
  };
}

/**
 * Queries the agent that uses this state directory. Resolves with null if no agent is running or the agent cannot be
 * reached.
 */
export const queryStatus = (stateDir: string): Promise<AgentStatus | null> =>
  withShortPath(
    stateDir,
    (path) =>
      new Promise<AgentStatus | null>((resolve) => {
        let text = '';
        const connection = createConnection(path);
        connection.setTimeout(ANSWER_TIMEOUT_MS, () => connection.destroy());
        connection.on('data', (chunk: Buffer) => (text += chunk.toString()));
        connection.on('error', () => resolve(null));
        connection.on('close', () => resolve(parse(text)));
      }),
  ).catch(() => null);

function parse(text: string): AgentStatus | null {
  try {
    return AgentStatus.parse(JSON.parse(text));
  } catch {
    return null;
  }
}

/**
 * Calls `use` with the socket's path. The path of a socket is limited to about 107 bytes. On Linux, the path is
 * therefore a short one through the open descriptor of the directory.
 */
async function withShortPath<T>(stateDir: string, use: (path: string) => Promise<T>): Promise<T> {
  const directory = await open(stateDir, 'r');
  try {
    return await use(`${process.platform === 'linux' ? `/proc/self/fd/${directory.fd}` : stateDir}/${FILE_NAME}`);
  } finally {
    await directory.close();
  }
}
