import { setTimeout as sleep } from 'node:timers/promises';
import { PAGE_LIMIT_MAX } from '@muster/contracts';
import { createOperator, MACHINE, type Operator } from '@muster/fleet';
import { newToken, startApi, startPostgresCluster, withDisposables } from '@muster/testkit';
import { createDatabase } from '@muster/testkit/databases';
import { createHttp } from '@muster/testkit/http';
import { compareHistory, type Comparison, type FoundHistory } from './compare.js';
import { startFleet } from './fleet.js';

export interface StoryOptions {
  hosts: number;
  /** How long half of the hosts cannot reach Muster. */
  partition: number;
  /** How long Muster is down. */
  away: number;
  /** How long the hosts report without a failure between two parts of the story, so that every host reconnects. */
  pause: number;
  /** MUSTER_HEARTBEAT_SECONDS. */
  heartbeat: number;
}

export interface HostResult extends Comparison {
  name: string;
  group: string;
}

/**
 * The hosts that have their own part in the story, by number. Of the other hosts, those with odd numbers are in the
 * partition.
 */
const PARTS: Readonly<Record<number, string>> = {
  0: 'renamed and upgraded while Muster is away',
  2: 'silent from before Muster is away, back soon after',
  4: 'silent from before Muster is away, back late',
  6: 'silent from when Muster is away, back soon after',
};
const PARTITION = 'in the partition';
const groupOf = (host: number): string => PARTS[host] ?? (host % 2 === 1 ? PARTITION : 'always reachable');

/**
 * How many heartbeats a silent host misses before Muster goes down, and how many heartbeat intervals after Muster's
 * return the host is back.
 */
const SILENT_BEFORE = 6;
const BACK_SOON = 15;
const BACK_LATE = 30;

const SOCKETS = 128;
const TIMEOUT_MS = 20_000;
/** Silences are recorded within 30 s (docs/hosts.md). */
const RECORDED_MS_MAX = 30_000;
const COMPARE_EVERY_MS = 3_000;
/** Muster records that it is running every half heartbeat, and at least every 5 s (ADR 5). */
const LIVENESS_MS_MAX = 5_000;
/** The time to reconnect is twice the downtime, but a downtime longer than this does not extend that time. */
const LONG_DOWNTIME_MS = 30_000;

const RENAMED = { name: 'renamed-host' };
const UPGRADED = { agentVersion: 'simulate-2', engine: { ...MACHINE.engine, version: '29.7.0' } };

/** Runs the story on a new PostgreSQL server, and compares each host's history with the model. */
export const runStory = (options: StoryOptions, progress: (line: string) => void): Promise<HostResult[]> =>
  withDisposables(async (use) => {
    const heartbeatMs = options.heartbeat * 1_000;
    const postgres = use(await startPostgresCluster({ durable: true }), (each) => each.stop());
    const env = {
      DATABASE_URL: await createDatabase(postgres.url, 'history'),
      MUSTER_HEARTBEAT_SECONDS: String(options.heartbeat),
    };
    const adminKey = newToken();
    let api = await startApi({ env, adminKey, isMeasured: true });
    use(null, () => api.stop('SIGKILL'));
    const http = use(createHttp(api.url, { sockets: SOCKETS, timeoutMs: TIMEOUT_MS }), (each) => each.close());
    const operator = createOperator(http, adminKey);
    const body = { name: 'history', maxUses: options.hosts };
    const { token } = await operator.call('createEnrollmentToken', { body });
    const { agents, calls, cut, allCall } = use(startFleet(http, token, options.hosts), (each) => each.stop());

    await allCall(0);
    progress(`${agents.length} hosts report`);
    await sleep(options.pause);
    for (const host of agents.keys()) if (groupOf(host) === PARTITION) cut.add(host);
    progress(`${cut.size} hosts cannot reach Muster`);
    await sleep(options.partition);
    cut.clear();
    progress('all hosts can reach Muster');
    await sleep(options.pause);
    await allCall(Date.now() - heartbeatMs);

    cut.add(2).add(4);
    await sleep(SILENT_BEFORE * heartbeatMs);
    await api.stop('SIGKILL');
    const from = Date.now();
    progress('Muster is away');
    cut.add(6);
    agents[0]!.machine = { ...UPGRADED, facts: RENAMED };
    await sleep(options.away);
    api = await startApi({ env, adminKey, port: api.port, isMeasured: true });
    const downtime = { from, until: Date.now() };
    progress(`Muster is back, ${Math.round(api.readyMs)} ms after its start`);
    await sleep(BACK_SOON * heartbeatMs);
    cut.delete(2);
    cut.delete(6);
    await sleep((BACK_LATE - BACK_SOON) * heartbeatMs);
    cut.clear();
    await sleep(options.pause);
    await allCall(Date.now() - heartbeatMs);

    progress('comparing');
    // The API knows when it last recorded that it was running and when it started again, but not when it was ready.
    const slackMs = Math.min(LIVENESS_MS_MAX, heartbeatMs / 2) + api.readyMs;
    const downtimeSlackMs = slackMs * (options.away > LONG_DOWNTIME_MS ? 1 : 3);
    const deadline = Date.now() + RECORDED_MS_MAX;
    for (;;) {
      const results: HostResult[] = [];
      for (const [host, { name, expected, violations }] of agents.entries()) {
        const { until, ...found } = await readHistory(operator, expected!.hostId);
        const own = calls[host]!.filter(({ answeredAt }) => answeredAt <= until);
        const comparison = compareHistory(own, found, { heartbeatMs, downtimes: [downtime], until, downtimeSlackMs });
        const differences = [...comparison.differences, ...violations];
        results.push({ ...comparison, name, group: groupOf(host), differences });
      }
      if (results.every(({ differences }) => differences.length === 0) || Date.now() > deadline) return results;
      await sleep(COMPARE_EVERY_MS);
    }
  });

async function readHistory(operator: Operator, hostId: string): Promise<FoundHistory & { until: number }> {
  const params = { hostId };
  const { items, nextCursor } = await operator.call('listHostEvents', { params, query: { limit: PAGE_LIMIT_MAX } });
  if (nextCursor !== null) throw new Error(`host ${hostId} has too many events`);
  const { seconds, to } = await operator.call('getHostAvailability', { params, query: { window: '24h' } });
  return { events: items, seconds, until: Date.parse(to) };
}
