/**
 * Neither the response nor its timing reveals whether a guess is close to a valid token. A token is looked up by
 * the index on its SHA-256, and similar tokens have unrelated hashes. An attacker who learned a stored hash bit by bit
 * would still have to guess 256 random bits. Timing cannot be tested reliably, so these tests show that close and
 * distant guesses take the same steps.
 */
import { beforeAll, describe, expect, test } from '@jest/globals';
import { formatToken, Paths, type TokenKind } from '@muster/contracts';
import type { Database } from '@muster/db';
import { testEngines } from '@muster/db/testing';
import supertest from 'supertest';
import { createApp } from '../src/app.js';
import { hashToken, issueToken } from '../src/lib/tokens.js';
import { container, enrollRequest } from './fixtures.js';
import { useApi, type TestOrganization } from './harness.js';

/** Wraps the database, and records the operations on it. */
function recordOperations(db: Database): { db: Database; operations: string[] } {
  const operations: string[] = [];
  const prisma = db.prisma.$extends({
    query: {
      $allOperations: ({ model, operation, args, query }) => {
        operations.push(`${model ?? 'raw'}.${operation}`);
        return query(args);
      },
    },
  });
  const query: Database['query'] = (statement, values) => {
    operations.push(statement.name);
    return db.query(statement, values);
  };
  return { db: { ...db, prisma: prisma as unknown as Database['prisma'], query }, operations };
}

/** Returns a token of this kind whose random part differs from `bytes` only in its last bit. */
function withOtherLastBit(kind: TokenKind, bytes: Uint8Array): string {
  const changed = Uint8Array.from(bytes);
  changed[31]! ^= 1;
  return formatToken(kind, changed);
}

const CALLS = {
  agent: { method: 'post', path: Paths.agentContainers, body: [container('a')] },
  enroll: { method: 'post', path: Paths.agentEnroll, body: enrollRequest() },
  key: { method: 'get', path: Paths.hosts, body: undefined },
} as const;

describe.each(testEngines())('a guessed token on %s', (engine) => {
  const context = useApi(engine);
  let organization: TestOrganization;
  const bytes = crypto.getRandomValues(new Uint8Array(32));
  const past = new Date('2026-01-01T00:00:00Z');

  beforeAll(async () => {
    const { prisma } = context.api.db;
    organization = await context.api.organization();
    const host = await organization.enroll();
    const hash = (kind: TokenKind) => hashToken(formatToken(kind, bytes));
    const { id: organizationId } = organization;
    const dates = { createdAt: past, expiresAt: new Date('2027-01-01T00:00:00Z') };
    await prisma.agentToken.create({ data: { hash: hash('agent'), hostId: host.id, createdAt: past } });
    await prisma.apiKey.create({ data: { organizationId, hash: hash('key'), name: 'k', role: 'admin', ...dates } });
    await prisma.enrollmentToken.create({
      data: { organizationId, hash: hash('enroll'), name: 'e', maxUses: 9, createdBy: 'system', ...dates },
    });
  });

  /** Makes a call with a token. Returns what the caller sees, and the operations on the database. */
  async function guess(kind: keyof typeof CALLS, token: string) {
    const { db, operations } = recordOperations(context.api.db);
    const { method, path, body } = CALLS[kind];
    const http = supertest(createApp({ db, now: context.api.clock }));
    const answer = await http[method](path).auth(token, { type: 'bearer' }).send(body);
    const { 'x-request-id': _id, date: _date, ...headers } = answer.headers as Record<string, string>;
    const text = answer.text.replace(/"requestId":"[^"]*"/, '');
    return { status: answer.status, headers, text, operations };
  }

  test.each(['agent', 'enroll', 'key'] as const)(
    'that differs from a stored %s token only in its last bit causes the same response and steps as any other guess',
    async (kind) => {
      const far = await guess(kind, issueToken(kind).token);
      expect(far.status).toBe(401);
      expect(far.operations.length).toBeGreaterThan(0);
      expect(await guess(kind, withOtherLastBit(kind, bytes))).toEqual(far);
      // The stored token itself is accepted, so the guess is indeed close to a valid token.
      expect((await guess(kind, formatToken(kind, bytes))).status).toBeLessThan(300);
    },
  );

  test('is not stored, and only the hash of a valid token is stored', async () => {
    const { prisma } = context.api.db;
    const rows = await Promise.all([
      prisma.agentToken.findMany(),
      prisma.enrollmentToken.findMany(),
      prisma.apiKey.findMany(),
      prisma.auditEntry.findMany({ omit: { id: true } }),
    ]);
    const text = JSON.stringify(rows);
    for (const kind of ['agent', 'enroll', 'key'] as const) {
      expect(text).not.toContain(formatToken(kind, bytes).slice(-20));
    }
    expect(text).not.toContain(organization.adminKey.slice(-20));
  });
});
