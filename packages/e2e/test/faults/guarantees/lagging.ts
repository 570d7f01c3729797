import { eventually, newToken, withDisposables } from '@muster/testkit';
import { Paths } from '@muster/contracts';
import { snapshotRequest } from '@muster/fleet';
import { createHttp, type Http } from '@muster/testkit/http';
import { atLeast, atMost, type Finding, type Guarantee, type CheckContext } from '../../../src/faults/guarantee.js';
import { enroll } from '../parts/agent.js';
import { startApi } from '../parts/api.js';
import { createEnrollment, createOperator } from '../parts/operator.js';
import { onDatabase, withServer, type Server } from '../parts/server.js';
import { listen } from '../parts/stream.js';
import { seconds } from '../../../src/faults/format.js';

/** When an open transaction delays the live stream, the stream reports the delay to its clients. */
export const lagging: Guarantee = {
  title: 'A delayed live stream reports the delay',
  check: (context) => withServer((server) => delayStream(context, server)),
};

/** Maximum time until the stream reports its delay: 5 s after the first delayed change, plus a margin. */
const LAGGING_MS_MAX = 15_000;
/** Maximum time until the stream sends a change, or `caught-up` after a delay. */
const CAUGHT_UP_MS_MAX = 10_000;
/** Maximum time until the history lists a change. */
const HISTORY_MS_MAX = 2_000;

async function delayStream({ progress }: CheckContext, { createDatabase }: Server): Promise<Finding[]> {
  const [databaseUrl, otherUrl] = [await createDatabase('faults_lagging'), await createDatabase('other')];
  return withDisposables(async (use) => {
    const adminKey = newToken();
    const api = use(await startApi({ env: { DATABASE_URL: databaseUrl }, adminKey }), (each) => each.stop());
    const client = use(createHttp(api.url), (each) => each.close());
    const operator = createOperator(client, adminKey);
    const agent = await enroll(client, (await createEnrollment(operator, 1)).token, 'late');
    const snapshot = (image: string) =>
      client.send(snapshotRequest(agent, JSON.stringify([{ dockerId: 'c', name: 'c', image, state: 'running' }])));
    await snapshot('first:1');
    const listener = use(await listen(api.url, adminKey), (each) => each.close());
    const until = (pattern: RegExp, msMax: number) =>
      msUntil(() => Promise.resolve(pattern.test(listener.text())), msMax);
    await snapshot('second:1');
    const firstMs = await until(/event: container[^]*second:1/, CAUGHT_UP_MS_MAX);

    const whileOpen = await onDatabase(otherUrl, async (other) => {
      // This transaction is in another database of the server, as a forgotten session or an ETL job could leave it
      // open.
      await other.query('BEGIN');
      await other.query('SELECT pg_current_xact_id()');
      await snapshot('third:1');
      const result = {
        historyMs: await msUntil(async () => {
          const { items } = await operator.call('listEvents');
          return items[0]?.to === 'third:1';
        }, HISTORY_MS_MAX),
        laggingMs: await until(/event: lagging\n/, LAGGING_MS_MAX),
        lagSeconds: await lagSeconds(client),
      };
      progress('lagging: a transaction in another database was open');
      await other.query('COMMIT');
      return result;
    });
    const [eventMs, caughtUpMs] = await Promise.all([
      until(/event: container[^]*third:1/, CAUGHT_UP_MS_MAX),
      until(/event: caught-up\n/, CAUGHT_UP_MS_MAX),
    ]);
    return [
      atMost('time until a change is streamed', firstMs, CAUGHT_UP_MS_MAX, seconds),
      atMost('open transaction: time until the history lists the change', whileOpen.historyMs, HISTORY_MS_MAX, seconds),
      atMost('open transaction: time until the stream reports lagging', whileOpen.laggingMs, LAGGING_MS_MAX, seconds),
      atLeast('open transaction: muster_feed_lag_seconds', whileOpen.lagSeconds, 4, (value) => seconds(1_000 * value)),
      atMost('transaction ended: time until the change is streamed', eventMs, CAUGHT_UP_MS_MAX, seconds),
      atMost('transaction ended: time until caught-up', caughtUpMs, CAUGHT_UP_MS_MAX, seconds),
    ];
  });
}

/** Returns the milliseconds until a condition is true, or NaN if it is not true within `msMax`. */
async function msUntil(isTrue: () => Promise<boolean>, msMax: number): Promise<number> {
  const startedAt = performance.now();
  return eventually(async () => {
    if (!(await isTrue())) throw new Error('not yet');
    return performance.now() - startedAt;
  }, msMax).catch(() => NaN);
}

const lagSeconds = async (client: Http): Promise<number> =>
  Number(/^muster_feed_lag_seconds(?:{[^}]*})? (\S+)$/m.exec((await client.send({ path: Paths.metrics })).text)?.[1]);
