import { setTimeout as sleep } from 'node:timers/promises';
import { EnrollRequest, Heartbeat, PAGE_LIMIT_MAX, Paths } from '@muster/contracts';
import { createOperator, MACHINE, type Operator } from '@muster/fleet';
import type { CommandIo } from '@muster/fleet/command-line';
import { createRoles, HostAgent, Metrics, runAgents, type Fleet } from '@muster/fleet/simulation';
import { eventually, newToken, startApi, startPostgresCluster, withDisposables } from '@muster/testkit';
import { createDatabase } from '@muster/testkit/databases';
import { BrokenCallError, createHttp, type Call } from '@muster/testkit/http';
import { compareHistory, type Comparison, type FoundHistory } from './compare.js';
import type { AgentCall, Downtime } from './model.js';

export interface StoryOptions {
  hosts: number;
  /** How long half of the hosts cannot reach Muster. */
  partition: number;
  /** How long Muster is away. */
  away: number;
  /** How long the hosts report without a failure between two parts of the story, so that all of them have reconnected. */
  pause: number;
  /** MUSTER_HEARTBEAT_SECONDS. */
  heartbeat: number;
}

export interface HostResult extends Comparison {
  name: string;
  group: string;
}

/** The hosts with a role of their own. Of the others, those with an odd number are in the partition. */
const ROLES: Readonly<Record<number, string>> = {
  0: 'renamed and upgraded while Muster is away',
  2: 'silent from before Muster is away, back soon after',
  4: 'silent from before Muster is away, back late',
  6: 'silent from when Muster is away, back after it',
};
const PARTITION = 'in the partition';
const groupOf = (host: number): string => ROLES[host] ?? (host % 2 === 1 ? PARTITION : 'always reachable');

/** Heartbeats from the beginning of a silence until Muster is away, and from Muster's return until hosts are back. */
const SILENT_BEFORE = 6;
const BACK_SOON = 15;
const BACK_LATE = 30;

const MILLISECONDS_PER_ENROLLMENT = 20;
const CONTAINERS = 5;
const SOCKETS = 128;
const TIMEOUT_MS = 20_000;
/** Silences are recorded within 30 s (docs/hosts.md). */
const RECORDED_MS_MAX = 30_000;
/** The time between two comparisons until all silences are recorded. */
const COMPARE_EVERY_MS = 3_000;
const CALLS_AGAIN_MS_MAX = 120_000;
const LIVENESS_MS_MAX = 5_000;
const RENAMED = { name: 'renamed-host' };
const UPGRADED = { agentVersion: 'simulate-2', engine: { ...MACHINE.engine, version: '29.7.0' } };

/** Runs the story on a new PostgreSQL server, and compares each host's history with the model. */
export const runStory = (options: StoryOptions, { progress, signal }: Pick<CommandIo, 'progress' | 'signal'>) =>
  withDisposables(async (use): Promise<HostResult[]> => {
    const { hosts, heartbeat } = options;
    const heartbeatMs = heartbeat * 1_000;
    const postgres = use(await startPostgresCluster({ durable: true }), (each) => each.stop());
    const env = {
      DATABASE_URL: await createDatabase(postgres.url, 'story'),
      MUSTER_HEARTBEAT_SECONDS: String(heartbeat),
      MUSTER_DRAIN_SECONDS: '0',
    };
    const adminKey = newToken();
    let api = await startApi({ env, adminKey });
    use(null, () => api.stop('SIGKILL'));
    const http = use(createHttp(api.url, { sockets: SOCKETS, timeoutMs: TIMEOUT_MS }), (each) => each.close());
    const operator = createOperator(http, adminKey);
    const { token } = await operator.call('createEnrollmentToken', { body: { name: 'story', maxUses: hosts } });

    const cut = new Set<number>();
    const calls: AgentCall[][] = Array.from({ length: hosts }, () => []);
    /** The network of one host, which records the calls that Muster answers. */
    const networkOf = (host: number): Fleet['http'] => ({
      ...http,
      async send(call) {
        if (cut.has(host)) throw new BrokenCallError(call, new Error('ENETUNREACH'));
        const sentAt = Date.now();
        const reply = await http.send(call);
        if (reply.status < 300) calls[host]!.push({ ...parseCall(call), sentAt, answeredAt: Date.now() });
        return reply;
      },
    });
    const epochMs = Date.now();
    const fleet = {
      options: { seed: 1, hosts, rampMs: hosts * MILLISECONDS_PER_ENROLLMENT, churn: 0.02, faults: 0 },
      ...{ roles: createRoles(CONTAINERS), engineIdPrefix: 'story-', enrollmentToken: token, metrics: new Metrics() },
      ...{ intervalMs: null, epochMs, now: () => Date.now() - epochMs },
    };
    const agents = calls.map((_, host) => new HostAgent({ ...fleet, http: networkOf(host) }, host));
    const end = new AbortController();
    const running = runAgents(agents, {
      ...{ durationMs: Number.MAX_SAFE_INTEGER, now: fleet.now },
      stop: AbortSignal.any([signal, end.signal]),
    });
    use(null, () => (end.abort(), running));

    const wait = (ms: number) => sleep(ms, undefined, { signal });
    /** Resolves when each host has called at least twice, the last time after `sinceMs`. */
    const allCall = (sinceMs: number) =>
      eventually(() => {
        const silent = calls.findIndex((own) => own.length < 2 || own.at(-1)!.answeredAt < sinceMs);
        if (silent !== -1) throw new Error(`host ${silent} does not call`);
      }, CALLS_AGAIN_MS_MAX);

    await allCall(0);
    progress(`${hosts} hosts report`);
    await wait(options.pause);
    const half = calls.map((_, host) => host).filter((host) => groupOf(host) === PARTITION);
    for (const host of half) cut.add(host);
    progress(`${half.length} hosts cannot reach Muster`);
    await wait(options.partition);
    cut.clear();
    progress('all hosts can reach Muster');
    await wait(options.pause);
    await allCall(Date.now() - heartbeatMs);

    cut.add(2).add(4);
    await wait(SILENT_BEFORE * heartbeatMs);
    await api.program.stop('SIGKILL');
    const downtime: Downtime = { from: Date.now(), until: Infinity };
    progress('Muster is away');
    cut.add(6);
    agents[0]!.machine = { ...UPGRADED, facts: RENAMED };
    await wait(options.away);
    api = await startApi({ env, adminKey, port: api.port });
    downtime.until = Date.now();
    progress(`Muster is back, ${Math.round(api.readyMs)} ms after its start`);
    await wait(BACK_SOON * heartbeatMs);
    cut.delete(2);
    cut.delete(6);
    await wait((BACK_LATE - BACK_SOON) * heartbeatMs);
    cut.clear();
    await wait(options.pause);
    await allCall(Date.now() - heartbeatMs);
    progress('comparing');
    const downMs = downtime.until - downtime.from;
    const livenessMs = Math.min(LIVENESS_MS_MAX, heartbeatMs / 2);
    // A shorter downtime also changes the time to reconnect, which is twice as long.
    const downtimeSlackMs = (livenessMs + api.readyMs) * (2 * downMs > 60_000 ? 1 : 3);
    const compareAll = async (): Promise<HostResult[]> => {
      const results: HostResult[] = [];
      for (const [host, agent] of agents.entries()) {
        const { until, ...found } = await readHistory(operator, agent.expected!.hostId);
        const own = calls[host]!.filter(({ answeredAt }) => answeredAt <= until);
        const comparison = compareHistory(own, found, { heartbeatMs, downtimes: [downtime], until, downtimeSlackMs });
        comparison.differences.push(...agent.violations);
        results.push({ name: agent.name, group: groupOf(host), ...comparison });
      }
      return results;
    };
    const deadline = Date.now() + RECORDED_MS_MAX;
    for (;;) {
      const results = await compareAll();
      if (results.every(({ differences }) => differences.length === 0) || Date.now() > deadline) return results;
      await wait(COMPARE_EVERY_MS);
    }
  });

function parseCall({ path, body }: Call): Pick<AgentCall, 'kind' | 'machine'> {
  if (path === Paths.agentContainers) return { kind: 'snapshot', machine: {} };
  const json: unknown = JSON.parse(body!.toString());
  if (path === Paths.agentEnroll) return { kind: 'enroll', machine: EnrollRequest.parse(json) };
  const { agentVersion, engine, facts } = Heartbeat.parse(json);
  return { kind: 'heartbeat', machine: { ...facts, ...(agentVersion && { agentVersion }), ...(engine && { engine }) } };
}

async function readHistory(operator: Operator, hostId: string): Promise<FoundHistory & { until: number }> {
  const params = { hostId };
  const { items, nextCursor } = await operator.call('listHostEvents', { params, query: { limit: PAGE_LIMIT_MAX } });
  if (nextCursor !== null) throw new Error(`host ${hostId} has too many events`);
  const { seconds, to } = await operator.call('getHostAvailability', { params, query: { window: '24h' } });
  return { events: items, seconds, until: Date.parse(to) };
}
