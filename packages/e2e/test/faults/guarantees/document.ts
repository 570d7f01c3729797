import { randomInt, randomUUID } from 'node:crypto';
import { fuzzDocument, type DocumentFuzz, type Known } from '@muster/testkit/document-fuzz';
import { atMost, never, type Finding, type Guarantee, type Rig } from '../../../src/faults/guarantee.js';
import { enroll } from '../parts/agent.js';
import { newAdminKey, startApi } from '../parts/api.js';
import { withClosers } from '../parts/closers.js';
import { createClient } from '../parts/http.js';
import { createOperator } from '../parts/operator.js';
import { withServer } from '../parts/server.js';
import { count } from '../../../src/faults/report/words.js';

/** The API answers as its own OpenAPI document says. */
export const document: Guarantee = {
  id: 'document',
  title: 'Every answer matches the OpenAPI document',
  check: (rig) => withServer(async ({ createDatabase }) => callAll(rig, await createDatabase('faults_document'))),
};

const CONTAINERS = ['a', 'b'].map((dockerId) => ({ dockerId, name: dockerId, image: 'nginx:1.29', state: 'running' }));

async function callAll({ plan, progress }: Rig, databaseUrl: string): Promise<Finding[]> {
  return withClosers(async (closers) => {
    const adminKey = newAdminKey();
    const limits = { MUSTER_AGENT_REQUESTS_PER_MINUTE: '0', MUSTER_AUTH_FAILURES_PER_MINUTE: '0' };
    const env = { DATABASE_URL: databaseUrl, ...limits, MUSTER_SIGN_INS_PER_MINUTE: '0' };
    const api = closers.add(await startApi({ env, adminKey }), (each) => each.stop());
    const client = closers.add(createClient(api.url), (each) => each.close());
    const operator = createOperator(client, adminKey);

    const settle = async (): Promise<Known> => {
      const enrollment = await operator.enrollmentToken(1_000);
      const agent = await enroll(client, enrollment.token, randomUUID());
      await client.send(agent.snapshot(JSON.stringify(CONTAINERS)));
      const bearer = (token: string) => ({ authorization: `Bearer ${token}` });
      return {
        ids: { hostId: agent.hostId, dockerId: 'a', enrollmentTokenId: enrollment.id },
        credentials: {
          ...{ apiKey: bearer(adminKey), agentToken: bearer(agent.token) },
          enrollmentToken: bearer(enrollment.token),
        },
      };
    };

    const served = JSON.parse((await client.send({ path: '/openapi.json' })).text) as DocumentFuzz['document'];
    const seed = randomInt(2 ** 31);
    const { cases } = plan.document;
    progress(`document: ${cases} calls of seed ${seed}`);
    const result = await fuzzDocument({ url: api.url, document: served, settle, cases, seed });
    for (const failure of result.failures) progress(`document: ${failure}`);
    const statuses = [...result.statuses].sort(([a], [b]) => a - b);
    progress(`document: ${statuses.map(([status, times]) => `${times} x ${status}`).join(', ')}`);
    const serverErrors = statuses.reduce((sum, [status, times]) => sum + (status >= 500 ? times : 0), 0);
    return [
      never('5xx answers', serverErrors, result.cases, 'generated calls'),
      atMost('kinds of undocumented answers', result.failures.length, 0, count, { timed: false }),
    ];
  });
}
