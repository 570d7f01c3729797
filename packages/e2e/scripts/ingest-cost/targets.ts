import { fileURLToPath } from 'node:url';
import type { HeartbeatResponse, SyncSummary } from '@muster/contracts';
import {
  AgentSession,
  heartbeatRequest,
  openConnection,
  snapshotRequest,
  type Connection,
  type SeededHost,
} from '@muster/fleet';
import { createCaller, eventually, ProgramError, startApi, startProgram } from '@muster/testkit';
import { HEARTBEAT, sendInTurns, type Report, type Target } from './report.js';
import type { ServiceHandlers } from './service-worker.js';

const WORKER = fileURLToPath(new URL('service-worker.ts', import.meta.url));

/** Starts a process that calls the services of the API whose main program is `main`. */
export async function startServices(main: string, databaseUrl: string): Promise<Target> {
  const program = startProgram(WORKER, {
    args: [main, databaseUrl],
    // The worker loads built packages only, so that both versions run the same kind of code.
    nodeArgs: ['--expose-gc', '--import', 'tsx'],
    ipc: true,
    env: { NODE_ENV: 'production' },
  });
  const call = createCaller<ServiceHandlers>(program);
  await eventually(() => {
    if (program.stdout() === '' && program.isRunning()) throw new ProgramError(`not ready:\n${program.stderr()}`);
  });
  return {
    prepare: (reports) => call('prepare', [...reports]),
    send: (count, atOnce) => call('send', { count, atOnce }),
    stop: () => program.stop('SIGKILL'),
  };
}

/** Starts the API whose main program is `main`. The reports are sent over HTTP, on one connection per report at once. */
export async function startServer(
  main: string,
  databaseUrl: string,
  agents: ReadonlyMap<string, SeededHost>,
): Promise<Target> {
  const api = await startApi({ main, isMeasured: true, env: { DATABASE_URL: databaseUrl } });
  const connections: Connection[] = [];
  const sessions = new Map<string, AgentSession>();
  const digests = new Map<string, string>();
  let reports: Report[] = [];

  async function send(connection: Connection, report: Report): Promise<void> {
    const { hostId } = report;
    const session = sessions.get(hostId) ?? new AgentSession(hostId, agents.get(hostId)!.token, hostId);
    sessions.set(hostId, session);
    const isSnapshot = report.kind === 'snapshot';
    const { status, body } = await connection.send(
      isSnapshot
        ? snapshotRequest(session, report.body)
        : heartbeatRequest(session, digests.get(hostId)!, { ...HEARTBEAT, sentAt: new Date().toISOString() }),
    );
    const answer = JSON.parse(body.toString()) as Partial<SyncSummary & HeartbeatResponse>;
    if (status !== 200 || answer.applied === false || answer.snapshotRequired === true)
      throw new ProgramError(`a ${report.kind} was answered with ${status}: ${body.toString()}`);
    if (isSnapshot) digests.set(hostId, answer.digest!);
  }

  const cpuMs = async () => (await api.call('loop', 1_000)).cpuMs;
  return {
    prepare: (next) => {
      reports = [...next];
      return Promise.resolve();
    },
    async send(count, atOnce) {
      while (connections.length < atOnce) connections.push(await openConnection(api.port));
      const turn = reports.splice(0, count);
      const before = await cpuMs();
      await sendInTurns(turn, atOnce, (report, place) => send(connections[place % atOnce]!, report));
      return (await cpuMs()) - before;
    },
    async stop() {
      for (const connection of connections) connection.close();
      await api.stop();
    },
  };
}
