import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Cadence, EnrollmentTokenCreated } from '@muster/contracts';
import type { SimulateOptions } from './options.js';
import { createFleet, type Member } from './fleet.js';
import { createMetrics, type Metrics } from './metrics.js';
import { createHostLife } from '../model/host-life.js';
import { seededRandom } from '../model/random.js';
import { createRoles } from '../model/roles.js';
import { ApiError, createOperator, type Operator } from '../operator.js';
import { inParallel } from './parallel.js';
import { showProgress, type Progress, type ProgressOutput } from './progress.js';
import { createAgentCalls } from '../protocol/agent-calls.js';
import { createClient, type Client } from '../protocol/client.js';
import { createHostAgent } from './host-agent.js';
import { summarize, type Run, type Summary } from './summary.js';
import { verify } from './verify.js';

const DELETE_WIDTH = 8;

/** The enrollment token outlives the run by this much. */
const TOKEN_SPARE_SECONDS = 3_600;

/**
 * Runs a fleet against the API until its time is over or `stop` is aborted, compares what the API says with what it
 * was told, and takes the hosts out again. Throws an `ApiError` where the API cannot be used for that.
 */
export async function simulate(options: SimulateOptions, output: ProgressOutput, stop: AbortSignal): Promise<Summary> {
  const metrics = createMetrics();
  const client = createClient({ url: options.url, sockets: options.sockets, metrics });
  const operator = createOperator({ client, key: options.key, metrics });
  try {
    const lifeSeconds = Math.ceil(options.durationMs / 1_000) + TOKEN_SPARE_SECONDS;
    const enrollment = await operator.createEnrollmentToken(`sim-${options.seed}`, options.hosts, lifeSeconds);
    let run;
    try {
      run = await perform({ options, output, stop, metrics, client, operator, enrollment });
    } finally {
      await operator.revokeEnrollmentToken(enrollment.id);
    }
    // Last of all, so that what went wrong in clearing away counts too.
    return summarize({ options, metrics, ...run });
  } finally {
    await client.close();
  }
}

interface Stage {
  options: SimulateOptions;
  output: ProgressOutput;
  stop: AbortSignal;
  metrics: Metrics;
  client: Client;
  operator: Operator;
  enrollment: EnrollmentTokenCreated;
}

async function perform(stage: Stage): Promise<Omit<Run, 'options' | 'metrics'>> {
  const { options, output, stop, metrics, operator } = stage;
  const cpuBefore = process.cpuUsage();
  const startedAt = performance.now();
  const now = (): number => performance.now() - startedAt;
  // New in each run, so that hosts that an earlier one left behind are other machines.
  const engineIdPrefix = `sim-${randomUUID()}-`;
  const members = createMembers(stage, engineIdPrefix, now);
  const agents = members.map(({ agent }) => agent);
  const enrolled = (): number => agents.filter((agent) => agent.isEnrolled()).length;
  const progress = showProgress(output, {
    ...{ metrics, enrolled, hosts: options.hosts },
    cadence: () => agents.find((agent) => agent.isEnrolled())?.cadence() ?? null,
  });
  const over = new AbortController();
  try {
    const fleet = createFleet(members, now);
    const time = sleep(options.durationMs, undefined, { signal: AbortSignal.any([stop, over.signal]) });
    const end = time.catch(() => undefined).then(() => over.abort());
    await Promise.all([fleet.run(over.signal), end]);
    const seconds = now() / 1_000;
    progress.phase('sending the last snapshots');
    const unfinished = await fleet.finish();
    const told = agents.flatMap((agent) => agent.told() ?? []);
    progress.phase('comparing');
    const verification = await verify(operator, told, { engineIdPrefix, now });
    verification.differences.unshift(
      ...unfinished.map((name) => `${name} could not deliver its last snapshot`),
      ...agents.flatMap(({ name, oddities }) => oddities.map((what) => `${name}: ${what}`)),
    );
    const { user, system } = process.cpuUsage(cpuBefore);
    return {
      ...{ seconds, verification },
      hosts: { enrolled: told.length, gone: told.filter(({ isLive }) => !isLive).length },
      simulator: { cpuSeconds: (user + system) / 1e6, rssMiB: process.resourceUsage().maxRSS / 1_024 },
    };
  } finally {
    over.abort();
    if (!options.keep) await clearAway(operator, engineIdPrefix, progress);
    progress.stop();
  }
}

/** The fleet's hosts, which begin one after the other over the ramp. */
function createMembers(
  { options, client, metrics, enrollment }: Stage,
  engineIdPrefix: string,
  now: () => number,
): Member[] {
  const { seed, hosts, churn, faults, rampMs } = options;
  const calls = createAgentCalls(client);
  const roles = createRoles(options.containers);
  const epochMs = Date.now() - now();
  /** The first cadence that is heard: a later one changes how often hosts report, and not what happens on them. */
  let intervalMs: number | null = null;
  const livesAt = (cadence: Cadence): number => (intervalMs ??= cadence.snapshotSeconds * 1_000);
  return Array.from({ length: hosts }, (_, host) => {
    const startAtMs = (rampMs * host) / hosts;
    const agent = createHostAgent({
      name: `sim-${seed}-${host + 1}`,
      engineId: `${engineIdPrefix}${host + 1}`,
      enrollToken: enrollment.token,
      createLife: (cadence) => createHostLife({ seed, host, roles, churn, faults, intervalMs: livesAt(cadence) }),
      random: seededRandom(seed, host, 3),
      uuid: randomUUID,
      ...{ startAtMs, calls, metrics, faults, epochMs, now },
    });
    return { agent, startAtMs };
  });
}

/**
 * Deletes the run's hosts: those that the API has, an enrolment whose answer never came included. What cannot be
 * deleted is said, and is no reason to lose the summary.
 */
async function clearAway(operator: Operator, engineIdPrefix: string, progress: Progress): Promise<void> {
  progress.phase('deleting the hosts');
  try {
    const ours = (await operator.hosts()).filter(({ engineId }) => engineId.startsWith(engineIdPrefix));
    await inParallel(ours, DELETE_WIDTH, ({ id }) => operator.deleteHost(id));
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    progress.phase(`some hosts could not be deleted (${error.message})`);
  }
}
