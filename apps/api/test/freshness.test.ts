import { describe, expect, test } from '@jest/globals';
import { CADENCE_DEFAULT } from '@muster/contracts';
import { Prisma } from '@muster/db';
import { testEngines } from '@muster/db/testing';
import {
  containersFreshness,
  freshnessCutoffs,
  hostFreshness,
  type Outage,
} from '../src/services/freshness/freshness.js';
import { freshnessSql } from '../src/services/freshness/freshness.sql.js';
import { useApi } from './harness.js';

const START = Date.UTC(2026, 2, 1, 12);
const at = (seconds: number) => new Date(START + seconds * 1000);
const context = (seconds: number, outages: readonly Outage[] = []) => ({
  now: at(seconds),
  cadence: CADENCE_DEFAULT,
  otherHeartbeats: [1, 45, 600],
  outages,
});
const outage = (from: number, to: number): Outage => ({ startedAt: at(from), endedAt: at(to) });

describe.each(testEngines())('freshness in SQL on %s', (engine) => {
  const api = useApi(engine);

  test('is equal to the freshness in TypeScript, for hosts and their containers', async () => {
    const { prisma } = api.api.db;
    const organization = await api.api.organization();
    const instants = [null, at(-3_600), at(-450), at(-300), at(-299.999), at(-30.001), at(-30), at(0), at(3_600)];
    const refused = [{ code: 'list_refused', message: '403', since: at(-60).toISOString() }];
    const withoutProblems = instants.flatMap((lastSeenAt) =>
      instants.flatMap((confirmedAt) =>
        [null, at(-60)].flatMap((observedAt) =>
          [null, 'no socket'].flatMap((engineError) =>
            [null, 10, 1, 45, 600].flatMap((heartbeatSeconds) =>
              [null, at(-10)].map((leftAt) => ({
                lastSeenAt,
                confirmedAt,
                observedAt,
                engineError,
                heartbeatSeconds,
                leftAt,
              })),
            ),
          ),
        ),
      ),
    );
    const signs = withoutProblems.map((sign, index) => ({ ...sign, agentProblems: index % 3 === 0 ? refused : [] }));
    await prisma.host.createMany({
      data: signs.map((sign, index) => ({
        organizationId: organization.id,
        name: String(index),
        engineId: String(index),
        os: '',
        arch: '',
        engineName: '',
        engineVersion: '',
        engineApiVersion: '',
        agentVersion: '',
        enrolledAt: at(0),
        ...sign,
      })),
    });
    const now = context(0, [outage(-2_000, -1_000), outage(-1_500, -900), outage(-20, 400)]);
    const freshness = freshnessSql(freshnessCutoffs(now));
    const judged = await prisma.$queryRaw<{ index: number; host: string; containers: string }[]>(Prisma.sql`
      SELECT h.name::int AS index, ${freshness.host} AS host, ${freshness.containers} AS containers
      FROM hosts AS h WHERE h."organizationId" = ${organization.id} ORDER BY 1`);
    expect(judged).toEqual(
      signs.map((sign, index) => ({
        index,
        host: hostFreshness(sign, now),
        containers: containersFreshness(sign, now),
      })),
    );
  });
});
