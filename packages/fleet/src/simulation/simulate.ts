import { randomUUID } from 'node:crypto';
import { Paths } from '@muster/contracts';
import { withDisposables } from '@muster/testkit/disposables';
import { BrokenCallError, createHttp, type Call, type Reply } from '@muster/testkit/http';
import { ownCpuMs } from '@muster/testkit/proc';
import pMap from 'p-map';
import type { CommandIo } from '../command-line.js';
import { createRoles } from '../model/container-life.js';
import { ApiError, createOperator, type Operator } from '../operator.js';
import { recordLatency } from '../latencies.js';
import { finishAgents, runAgents } from './fleet.js';
import { HostAgent, type Fleet } from './host-agent.js';
import { increment, Metrics, type CallKind } from './metrics.js';
import { showProgress } from './progress.js';
import { summarize, type SimulateOptions, type Summary } from './summary.js';
import { verify, verifyFreshness } from './verify.js';

const TIMEOUT_MS = 20_000;
const DELETE_CONCURRENCY = 8;

/** The time from the planned end of the run until the enrollment token expires. */
const TOKEN_SPARE_SECONDS = 3_600;

/**
 * Runs a fleet against the API for the planned time or until the signal is aborted. Then compares the API's state with
 * the expected state, and deletes the hosts.
 * @throws ApiError if the API cannot be used.
 */
export async function simulate(options: SimulateOptions, io: Pick<CommandIo, 'progress' | 'signal'>): Promise<Summary> {
  const { url, key, seed, hosts, sockets, durationMs } = options;
  const metrics = new Metrics();
  const run = await withDisposables(async (use) => {
    // A real fleet has a connection for each host. Here, thousands of idle sockets would only use CPU time that the API
    // needs, so the hosts share a few connections. The wait for a free connection is part of the latency.
    const observe = (call: Call, result: Reply | BrokenCallError) => recordCall(metrics, call, result);
    const http = use(createHttp(url, { sockets, timeoutMs: TIMEOUT_MS, observe }), (http) => http.close());
    const operator = createOperator(http, key, { onRetry: () => (metrics.retries += 1) });
    const expiresInSeconds = Math.ceil(durationMs / 1_000) + TOKEN_SPARE_SECONDS;
    const enrollment = use(
      await operator.call('createEnrollmentToken', { body: { name: `sim-${seed}`, maxUses: hosts, expiresInSeconds } }),
      ({ id }) => operator.call('revokeEnrollmentToken', { params: { enrollmentTokenId: id } }),
    );

    const cpuMsBefore = ownCpuMs();
    const startedAt = performance.now();
    const now = (): number => performance.now() - startedAt;
    // Each run has a new prefix, so that the API does not mistake this run's hosts for hosts that an earlier run left
    // behind.
    const engineIdPrefix = `sim-${randomUUID()}-`;
    const fleet: Fleet = {
      options,
      roles: createRoles(options.containers),
      engineIdPrefix,
      enrollmentToken: enrollment.token,
      http,
      metrics,
      intervalMs: null,
      epochMs: Date.now() - now(),
      now,
    };
    const agents = Array.from({ length: hosts }, (_, host) => new HostAgent(fleet, host));
    const enrolled = () => agents.flatMap(({ expected }) => expected ?? []);
    const state = () => ({ enrolled: enrolled().length, hosts, cadence: enrolled()[0]?.cadence ?? null });
    const progress = use(showProgress(io.progress, metrics, state), ({ stop }) => stop());
    if (!options.keep) use(operator, () => deleteHosts(operator, engineIdPrefix, (stage) => progress.enter(stage)));

    await runAgents(agents, { durationMs, stop: io.signal, now });
    const seconds = now() / 1_000;
    progress.enter('comparing the freshness');
    const wrongFreshness = await verifyFreshness(operator, enrolled(), now);
    progress.enter('sending the last snapshots');
    const unfinished = await finishAgents(agents, now);
    progress.enter('comparing');
    const verification = await verify(operator, enrolled(), { engineIdPrefix, now });
    verification.differences.unshift(
      ...wrongFreshness,
      ...unfinished.map((agent) => `${agent.name} could not deliver its last snapshot`),
      ...agents.flatMap((agent) => [...agent.violations].map((violation) => `${agent.name}: ${violation}`)),
    );
    return {
      seconds,
      verification,
      hosts: { enrolled: enrolled().length, gone: metrics.mishaps.get('host gone') ?? 0 },
      simulator: { cpuSeconds: (ownCpuMs() - cpuMsBefore) / 1_000, rssMiB: process.resourceUsage().maxRSS / 1_024 },
    };
  });
  // The summary is computed after the hosts are deleted, because it also counts the calls that delete them.
  return summarize({ options, metrics, ...run });
}

const KIND_BY_PATH: ReadonlyMap<string, CallKind> = new Map([
  [Paths.agentEnroll, 'enroll'],
  [Paths.agentContainers, 'snapshot'],
  [Paths.agentHeartbeat, 'heartbeat'],
  [Paths.agentToken, 'token'],
]);

function recordCall(metrics: Metrics, { path, method, body }: Call, result: Reply | BrokenCallError): void {
  const agentCall = KIND_BY_PATH.get(path);
  const counts = metrics.calls[agentCall ?? (method === 'GET' ? 'read' : 'admin')];
  counts.bytesSent += body?.length ?? 0;
  if (result instanceof BrokenCallError) {
    if (result.code !== 'LOST') increment(metrics.failures, result.code);
    return;
  }
  counts.bytesReceived += Buffer.byteLength(result.text);
  recordLatency(counts.latencies, result.ms);
  if (agentCall !== undefined) {
    recordLatency(metrics.recent.latencies, result.ms);
    increment(metrics.recent.counts, agentCall);
  }
  increment(metrics.statuses, result.status);
}

/** Deletes the run's hosts, including those that did not receive the response to their enrollment. */
async function deleteHosts(operator: Operator, engineIdPrefix: string, enter: (phase: string) => void): Promise<void> {
  enter('deleting the hosts');
  try {
    const hosts = (await operator.all('listHosts')).filter(({ engineId }) => engineId.startsWith(engineIdPrefix));
    const remove = ({ id }: { id: string }) => operator.call('deleteHost', { params: { hostId: id } });
    await pMap(hosts, remove, { concurrency: DELETE_CONCURRENCY });
  } catch (error) {
    // This error does not fail the run, so that the run still prints its summary.
    if (!(error instanceof ApiError)) throw error;
    enter(`some hosts could not be deleted (${error.message})`);
  }
}
