/**
 * Calls the container service and the heartbeat service of one version of the API. Each version runs in a process of
 * its own. When two versions shared a process, the version that was loaded second needed up to a fifth less time.
 */
import { createHash } from 'node:crypto';
import { dirname, join } from 'node:path';
import type { createContainerService } from '@muster/api/container-service';
import type { Heartbeat } from '@muster/contracts';
import type { openDatabase } from '@muster/db';
import { serveCalls } from '@muster/testkit';
import { ownCpuMs } from '@muster/testkit/proc';
import { HEARTBEAT, sendInTurns, type Report } from './report.js';

interface HeartbeatService {
  beat(hostId: string, heartbeat: Heartbeat, stream: string): Promise<{ snapshotRequired: boolean }>;
}

const [main = '', url = ''] = process.argv.slice(2);
const load = async <Module>(path: string) => (await import(join(dirname(main), path))) as Module;
const api = await load<{ createContainerService: typeof createContainerService }>('services/container.js');
const { createHeartbeatService } = await load<{
  createHeartbeatService: (db: unknown, options: { now: () => Date }) => HeartbeatService;
}>('services/sync/heartbeat.js');
const storage = await load<{ openDatabase: typeof openDatabase }>('../../../packages/db/dist/index.js');

const db = await storage.openDatabase({ url });
const now = () => new Date();
const cachedService = api.createContainerService(db, { now });
const uncachedService = api.createContainerService(db, { now, memoryBytesMax: 0 });
const heartbeatService = createHeartbeatService(db, { now });

const digests = new Map<string, string>();
let sends: (() => Promise<void>)[] = [];

/** Returns a function that sends a report. */
function toSend(report: Report): () => Promise<void> {
  const { hostId } = report;
  if (report.kind === 'heartbeat') {
    const heartbeat = { ...HEARTBEAT, digest: digests.get(hostId)!, sentAt: now().toISOString() };
    return async () => {
      const { snapshotRequired } = await heartbeatService.beat(hostId, heartbeat, hostId);
      if (snapshotRequired) throw new Error('a heartbeat did not match the stored snapshot');
    };
  }
  const bytes = Buffer.from(report.body);
  const digest = createHash('sha256').update(bytes).digest('base64url');
  digests.set(hostId, digest);
  const service = report.cached ? cachedService : uncachedService;
  const order = { stream: hostId, sequence: report.sequence };
  return async () => {
    const metadata = { order, observedAt: now(), complete: true, digest };
    const { applied } = await service.syncContainers(hostId, { bytes, encoding: 'identity' }, metadata);
    if (!applied) throw new Error('a snapshot was not applied');
  };
}

const handlers = {
  prepare(reports: Report[]): void {
    sends = reports.map(toSend);
    globalThis.gc?.();
  },
  async send({ count, atOnce }: { count: number; atOnce: number }): Promise<number> {
    const turn = sends.splice(0, count);
    const before = ownCpuMs();
    await sendInTurns(turn, atOnce, (send) => send());
    return ownCpuMs() - before;
  },
};
export type ServiceHandlers = typeof handlers;

serveCalls(handlers);
process.stdout.write('ready\n');
