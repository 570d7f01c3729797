import { randomInt } from 'node:crypto';
import { atMost, never, type Finding, type Guarantee, type CheckContext } from '../../../src/faults/guarantee.js';
import { count } from '../../../src/faults/format.js';
import { fuzzApi } from '../../openapi-fuzz/fuzz-api.js';
import { withServer } from '../parts/server.js';

/** The API responds as its OpenAPI document describes. */
export const document: Guarantee = {
  title: 'Every answer matches the OpenAPI document',
  check: (context) =>
    withServer(async ({ createDatabase }) => callOperations(context, await createDatabase('faults_document'))),
};

async function callOperations({ plan, progress }: CheckContext, databaseUrl: string): Promise<Finding[]> {
  const seed = randomInt(2 ** 31);
  const { cases } = plan.document;
  progress(`document: ${cases} calls with seed ${seed}`);
  const result = await fuzzApi(databaseUrl, { cases, seed });
  for (const failure of result.failures) progress(`document: ${failure}`);
  const statuses = [...result.statuses].sort(([a], [b]) => a - b);
  progress(`document: ${statuses.map(([status, times]) => `${times} x ${status}`).join(', ')}`);
  const serverErrors = statuses.reduce((sum, [status, times]) => sum + (status >= 500 ? times : 0), 0);
  return [
    never('5xx answers', serverErrors, result.cases, 'generated calls'),
    atMost('kinds of undocumented answers', result.failures.length, 0, count, { timed: false }),
  ];
}
