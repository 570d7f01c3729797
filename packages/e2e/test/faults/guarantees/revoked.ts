import { type AgentSession, heartbeatRequest, rotationRequest } from '@muster/fleet';
import { withDisposables } from '@muster/testkit';
import { createHttp, type Http } from '@muster/testkit/http';
import { atMost, never, type Finding, type Guarantee, type CheckContext } from '../../../src/faults/guarantee.js';
import { enroll, rotatedToken } from '../parts/agent.js';
import { createEnrollment, createOperator } from '../parts/operator.js';
import { startReplicas } from '../parts/replicas.js';
import { withServer } from '../parts/server.js';
import { seconds } from '../../../src/faults/format.js';

/** Every replica rejects a revoked token within 5 s, although replicas cache valid tokens. */
export const revoked: Guarantee = {
  title: 'Every replica rejects a revoked token within 5 s',
  check: (context) => withServer(async ({ createDatabase }) => revoke(context, await createDatabase('faults_revoked'))),
};

const REPLICAS = 2;
const REJECTED_MS_MAX = 5_000;
/**
 * How long the test uses tokens after their revocation: longer than the 5 s for which the API may accept a revoked
 * token.
 */
const WATCH_MS = 8_000;
/** The wait between two calls with a revoked token. */
const TRY_INTERVAL_MS = 50;

async function revoke({ plan, progress }: CheckContext, databaseUrl: string): Promise<Finding[]> {
  return withDisposables(async (use) => {
    const env = {
      DATABASE_URL: databaseUrl,
      MUSTER_AGENT_REQUESTS_PER_MINUTE: '0',
      MUSTER_AUTH_FAILURES_PER_MINUTE: '0',
    };
    const { adminKey, replicas } = await startReplicas(REPLICAS, env, use);
    const clients = replicas.map(({ url }) => use(createHttp(url), (each) => each.close()));
    const [first] = clients as [Http];
    const operator = createOperator(first, adminKey);
    const enrollment = await createEnrollment(operator, 3 * plan.revoked.hosts);
    const hosts = (kind: string) =>
      Promise.all(
        Array.from({ length: plan.revoked.hosts }, (_, i) => enroll(first, enrollment.token, `${kind}-${i}`)),
      );

    const [deleted, rotated] = await Promise.all([
      watch(clients, await hosts('deleted'), 410, ({ hostId }) => operator.call('deleteHost', { params: { hostId } })),
      watch(clients, await hosts('rotated'), 401, async (agent) => {
        const next = rotatedToken(await first.send(rotationRequest(agent)));
        // The old token is valid until the new token is used.
        await first.send({ ...heartbeatRequest(agent, null), token: next });
      }),
    ]);
    progress('revoked: hosts deleted, tokens rotated');
    await operator.call('revokeEnrollmentToken', { params: { enrollmentTokenId: enrollment.id } });
    const results = await Promise.all(
      clients.map(async (client, i) => {
        const answer = await enroll(client, enrollment.token, `late-${i}`).catch(() => null);
        return answer === null ? 0 : 1;
      }),
    );
    const accepted = results.reduce<number>((sum, each) => sum + each, 0);
    return [
      ...report('token of a deleted host', deleted),
      ...report('replaced token', rotated),
      never('revoked enrollment token: accepted afterwards', accepted, results.length, 'attempts'),
    ];
  });
}

interface WatchResult {
  /** Milliseconds between the response to the revocation and the last request that a replica still accepted. */
  lastAcceptedMs: number;
  tokens: number;
  /** Number of tokens that were refused with an unexpected status. */
  wrong: number;
}

const report = (what: string, { lastAcceptedMs, tokens, wrong }: WatchResult): Finding[] => [
  atMost(
    `${what}: last accepted after (${tokens} tokens, ${REPLICAS} replicas)`,
    lastAcceptedMs,
    REJECTED_MS_MAX,
    seconds,
    { timed: false },
  ),
  never(`${what}: refused with the wrong status`, wrong, tokens, 'tokens'),
];

/**
 * Uses every token at every replica, so that all replicas cache it. Then revokes the tokens, and uses them until well
 * after the time limit.
 */
async function watch(
  clients: readonly Http[],
  agents: readonly AgentSession[],
  refusal: number,
  revokeOne: (agent: AgentSession) => Promise<void>,
): Promise<WatchResult> {
  const wrong = new Set<AgentSession>();
  let lastAcceptedMs = 0;
  await Promise.all(
    agents.map(async (agent) => {
      const call = heartbeatRequest(agent, null);
      for (const client of clients) await client.send(call);
      await revokeOne(agent);
      const revokedAt = performance.now();
      await Promise.all(
        clients.map(async (client) => {
          while (performance.now() - revokedAt < WATCH_MS) {
            const sentMs = performance.now() - revokedAt;
            const { status } = await client.send(call);
            // The time of the request counts, because a slow response does not mean that the token was valid for
            // longer.
            if (status === 200) lastAcceptedMs = Math.max(lastAcceptedMs, sentMs);
            else if (status !== refusal) wrong.add(agent);
            await new Promise((resolve) => setTimeout(resolve, TRY_INTERVAL_MS));
          }
        }),
      );
    }),
  );
  return { lastAcceptedMs, tokens: agents.length, wrong: wrong.size };
}
