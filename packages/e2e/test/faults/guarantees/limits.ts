import { type AgentSession, heartbeatRequest } from '@muster/fleet';
import { withDisposables } from '@muster/testkit';
import { createHttp, type Http } from '@muster/testkit/http';
import { atLeast, atMost, type Finding, type Guarantee, type CheckContext } from '../../../src/faults/guarantee.js';
import { enroll } from '../parts/agent.js';
import { createEnrollment, createOperator } from '../parts/operator.js';
import { startReplicas } from '../parts/replicas.js';
import { withServer } from '../parts/server.js';
import { count } from '../../../src/faults/format.js';

/** Each process limits requests independently. A host can therefore send up to its limit to each replica. */
export const limits: Guarantee = {
  title: 'Rate limits hold, multiplied at most by the number of replicas',
  check: (context) =>
    withServer(async ({ createDatabase }) => exceedLimits(context, await createDatabase('faults_limits'))),
};

const REPLICAS = 2;
const PER_MINUTE = 600;
/** The permitted burst: a tenth of the requests per minute (ADR 8). */
const BURST = PER_MINUTE / 10;

async function exceedLimits({ plan, progress }: CheckContext, databaseUrl: string): Promise<Finding[]> {
  return withDisposables(async (use) => {
    const env = { DATABASE_URL: databaseUrl, MUSTER_AGENT_REQUESTS_PER_MINUTE: String(PER_MINUTE) };
    const { adminKey, replicas } = await startReplicas(REPLICAS, env, use);
    const clients = replicas.map(({ url }) => use(createHttp(url), (each) => each.close()));
    const { token } = await createEnrollment(createOperator(clients[0]!, adminKey), 2);
    const [one, all] = [await enroll(clients[0]!, token, 'one'), await enroll(clients[0]!, token, 'all')];

    const atOne = await flood(one, clients.slice(0, 1), plan.limits.sprayMs);
    progress(`limits: one replica accepted ${atOne.accepted} of ${atOne.sent} requests`);
    const atAll = await flood(all, clients, plan.limits.sprayMs);
    progress(`limits: ${REPLICAS} replicas accepted ${atAll.accepted} of ${atAll.sent} requests`);
    const limitFor = (ms: number) => BURST + Math.ceil((PER_MINUTE * ms) / 60_000);
    return [
      atMost('requests accepted by one replica', atOne.accepted, limitFor(atOne.ms), count, { timed: false }),
      atLeast(
        'requests accepted by one replica, at least 90 % of the limit',
        atOne.accepted,
        0.9 * limitFor(atOne.ms),
        count,
      ),
      atMost(`requests accepted by ${REPLICAS} replicas`, atAll.accepted, REPLICAS * limitFor(atAll.ms), count, {
        timed: false,
      }),
      atMost('refusals without a Retry-After', atOne.withoutRetryAfter + atAll.withoutRetryAfter, 0, count, {
        timed: false,
      }),
      atMost('answers other than 200 and 429', atOne.other + atAll.other, 0, count, { timed: false }),
    ];
  });
}

interface Flood {
  sent: number;
  accepted: number;
  /** Refusals without Retry-After. */
  withoutRetryAfter: number;
  other: number;
  ms: number;
}

/** Simulates a host that ignores refusals and sends requests continuously, to each server in turn. */
async function flood(agent: AgentSession, clients: readonly Http[], forMs: number): Promise<Flood> {
  const result: Flood = { sent: 0, accepted: 0, withoutRetryAfter: 0, other: 0, ms: 0 };
  const startedAt = performance.now();
  const run = async () => {
    while (performance.now() - startedAt < forMs) {
      const reply = await clients[result.sent++ % clients.length]!.send(heartbeatRequest(agent, null));
      if (reply.status === 200) result.accepted += 1;
      else if (reply.status !== 429) result.other += 1;
      else if (reply.headers['retry-after'] === undefined) result.withoutRetryAfter += 1;
      // With this pause, the test still sends many more requests than the limit, but does not waste CPU time.
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  };
  await Promise.all([run(), run(), run(), run()]);
  return { ...result, ms: performance.now() - startedAt };
}
