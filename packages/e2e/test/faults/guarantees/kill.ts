import { join } from 'node:path';
import { eventually, newToken, withDisposables, withTemporaryDirectory, type PostgresCluster } from '@muster/testkit';
import { createHttp } from '@muster/testkit/http';
import { atMost, never, type Finding, type Guarantee, type CheckContext } from '../../../src/faults/guarantee.js';
import { createWriters, type Comparison, type Writers } from '../load/writers.js';
import { isReady, startApi, type Api } from '../parts/api.js';
import { createOperator, type Operator } from '../parts/operator.js';
import { withServer } from '../parts/server.js';
import { seconds } from '../../../src/faults/format.js';

/** An acknowledged write survives SIGKILL of the API or of the database. */
export const kill: Guarantee = {
  title: 'Acknowledged means committed',
  check: async (context) => [
    ...(await withServer(async ({ cluster, createDatabase }) => {
      const envOf = async (name: string) => ({ DATABASE_URL: await createDatabase(name), ...NO_LIMIT });
      return [
        ...(await killApi(context, 'API on PostgreSQL', await envOf('faults_kill_api'), context.plan.kill.rounds)),
        ...(await killDatabase(context, await envOf('faults_kill_database'), cluster)),
      ];
    })),
    ...(await withTemporaryDirectory((dir) =>
      killApi(
        context,
        'API on PGlite',
        { MUSTER_DATA_DIR: join(dir, 'data'), ...NO_LIMIT },
        context.plan.kill.embeddedRounds,
      ),
    )),
  ],
};

/** The writers send as fast as they can, so the rate limit of agents is disabled. */
const NO_LIMIT = { MUSTER_AGENT_REQUESTS_PER_MINUTE: '0' };

/**
 * Maximum delay before a kill, in milliseconds. The delay is random, so that a kill can occur at any point of a
 * request.
 */
const KILL_DELAY_MS_MAX = 200;

/** The time, in ms, within which Muster must be ready again. */
const RECOVERY_MS_MAX = 30_000;

interface Round {
  comparison: Comparison;
  /** Milliseconds until Muster was ready again. */
  recoveryMs: number;
}

function report(what: string, rounds: readonly Round[]): Finding[] {
  const sum = (of: (comparison: Comparison) => number) =>
    rounds.reduce((total, { comparison }) => total + of(comparison), 0);
  const all = (of: (comparison: Comparison) => string[]) => rounds.flatMap(({ comparison }) => of(comparison));
  const acked = sum((comparison) => comparison.acked);
  const kills = `, ${rounds.length} kills`;
  return [
    never(`${what}: acknowledged but lost`, all(({ lost }) => lost).length, acked, `acknowledged requests${kills}`),
    never(
      `${what}: partially written`,
      all(({ torn }) => torn).length,
      sum(({ hosts }) => hosts),
      'hosts compared',
    ),
    never(
      `${what}: answers other than success and 503`,
      all(({ unexpected }) => unexpected).length,
      acked,
      'acknowledged requests',
    ),
    atMost(
      `${what}: longest time until ready again`,
      Math.max(...rounds.map((round) => round.recoveryMs)),
      RECOVERY_MS_MAX,
      seconds,
    ),
  ];
}

/** Kills the API repeatedly, and restarts it each time with the same settings and without repairs. */
async function killApi(
  context: CheckContext,
  what: string,
  env: Record<string, string>,
  count: number,
): Promise<Finding[]> {
  return withDisposables(async (use) => {
    const adminKey = newToken();
    let api: Api = await startApi({ env, adminKey });
    const { url, port } = api;
    use(null, () => api.program.stop('SIGKILL'));
    const { operator, writers } = await openWriters(url, adminKey, context, use);
    const rounds: Round[] = [];
    for (let round = 1; round <= count; round++) {
      await applyLoad(writers);
      await api.program.stop('SIGKILL');
      await writers.stop();
      api = await startApi({ env, adminKey, port });
      rounds.push({
        comparison: logDifferences(context, what, await writers.compare(operator)),
        recoveryMs: api.readyMs,
      });
      context.progress(`kill: ${what}, round ${round} of ${count}`);
    }
    return report(what, rounds);
  });
}

/** Kills the database of a running API and restarts only the database. */
async function killDatabase(
  context: CheckContext,
  env: Record<string, string>,
  cluster: Pick<PostgresCluster, 'crash' | 'restart'>,
): Promise<Finding[]> {
  const what = 'PostgreSQL';
  return withDisposables(async (use) => {
    const adminKey = newToken();
    const api = use(await startApi({ env, adminKey }), ({ program }) => program.stop('SIGKILL'));
    const { operator, writers } = await openWriters(api.url, adminKey, context, use);
    const rounds: Round[] = [];
    for (let round = 1; round <= context.plan.kill.rounds; round++) {
      await applyLoad(writers);
      await cluster.crash();
      await writers.stop();
      await cluster.restart();
      const startedAt = performance.now();
      await eventually(async () => {
        if (!(await isReady(api.url))) throw new Error('the API did not reconnect to its database');
      }, RECOVERY_MS_MAX);
      const recoveryMs = performance.now() - startedAt;
      rounds.push({ comparison: logDifferences(context, what, await writers.compare(operator)), recoveryMs });
      context.progress(`kill: ${what}, round ${round} of ${context.plan.kill.rounds}`);
    }
    return report(what, rounds);
  });
}

async function openWriters(
  url: string,
  adminKey: string,
  context: CheckContext,
  add: <T>(part: T, close: (part: T) => unknown) => T,
): Promise<{ operator: Operator; writers: Writers }> {
  const client = add(createHttp(url), (each) => each.close());
  const operator = createOperator(client, adminKey);
  const writers = add(await createWriters(url, operator, context.plan.kill.hosts), (each) => each.close());
  return { operator, writers };
}

async function applyLoad(writers: Writers): Promise<void> {
  await writers.begin();
  await new Promise((resolve) => setTimeout(resolve, Math.random() * KILL_DELAY_MS_MAX));
}

/** Logs every difference, because the figures contain only the number of differences. */
function logDifferences(context: CheckContext, what: string, comparison: Comparison): Comparison {
  for (const line of [...comparison.lost, ...comparison.torn, ...comparison.unexpected])
    context.progress(`kill: ${what}: ${line}`);
  return comparison;
}
