/**
 * Fuzzes the API with calls that are generated from its OpenAPI document, both valid and nearly valid.
 * `MUSTER_TEST_FUZZ_CASES` sets the number of calls per engine, and `MUSTER_TEST_FUZZ_SEED` repeats a run; `pnpm
 * test:faults` makes 20,000 calls to the built API.
 */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { testEngines } from '@muster/db/testing';
import { fuzzDocument, type DocumentFuzz, type Known } from '@muster/testkit/document-fuzz';
import { createOpenApiDocument } from '../src/openapi/document.js';
import { serve, type HttpServer } from '../src/http/server.js';
import { container } from './fixtures.js';
import { useApi } from './harness.js';
import { person } from './users.js';

const CASES = Number(process.env['MUSTER_TEST_FUZZ_CASES'] ?? 400);
const SEED = Number(process.env['MUSTER_TEST_FUZZ_SEED'] ?? Date.now() % 2 ** 31);

describe.each(testEngines())('the API on %s', (engine) => {
  // A database that is slow because the machine is busy is not a failure.
  const patience = { connectTimeoutMs: 60_000, statementTimeoutMs: 60_000, queryTimeoutMs: 60_000 };
  const context = useApi(engine, { database: patience });
  let server: HttpServer;

  beforeAll(async () => {
    server = await serve(context.api.app, { host: '127.0.0.1', port: 0 });
  });
  afterAll(() => server.drain(0));

  /** Creates one object for every path parameter, and credentials of every kind. */
  async function settle(): Promise<Known> {
    const organization = await context.api.organization();
    const [host, other] = [await organization.enroll(), await organization.enroll()];
    await host.sync([container('a'), container('b', { state: 'exited', status: 'Exited (1) 2 hours ago' })]);
    await host.sync([container('a', { name: 'renamed' })]);
    await other.sync([container('a'), container('c')]);
    const enrollment = await organization.enrollmentToken({ name: 'fuzz', maxUses: 1_000 });
    const owner = await person(context.api, organization.id, 'owner');
    const viewer = await person(context.api, organization.id, 'viewer');
    const session = await context.api.db.prisma.session.findFirstOrThrow({ where: { userId: owner.id } });
    const { prisma } = context.api.db;
    const key = await prisma.apiKey.findFirstOrThrow({ where: { organizationId: organization.id } });
    const bearer = (token: string) => ({ authorization: `Bearer ${token}` });
    return {
      ids: {
        hostId: host.id,
        dockerId: 'a',
        enrollmentTokenId: enrollment.id,
        userId: viewer.id,
        sessionId: session.id,
        apiKeyId: key.id,
        file: 'SHA256SUMS',
      },
      credentials: {
        apiKey: bearer(organization.adminKey),
        agentToken: bearer(host.token),
        enrollmentToken: bearer(enrollment.token),
        session: { cookie: owner.browser.cookie, 'sec-fetch-site': 'same-origin' },
      },
    };
  }

  test('responds to every call as documented, and accepts no input that the document rejects', async () => {
    const document = createOpenApiDocument() as unknown as DocumentFuzz['document'];
    const { failures, statuses, refused } = await fuzzDocument({
      url: server.url,
      document,
      settle,
      cases: CASES,
      seed: SEED,
    });
    process.stderr.write(`${engine}: ${CASES} calls with seed ${SEED}, ${refused} of them invalid by the document\n`);
    expect(failures).toEqual([]);
    // Many calls must succeed, and others must fail for many different reasons.
    expect([...statuses.keys()]).toEqual(expect.arrayContaining([200, 400, 401, 404]));
    expect(refused).toBeGreaterThan(CASES / 20);
  }, 3_600_000);
});
