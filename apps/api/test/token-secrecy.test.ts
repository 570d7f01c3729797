/**
 * Neither answer nor timing tells a guess that comes near from one that does not. What is compared with what is stored is
 * the SHA-256 of a token, by an index: how far two hashes agree says nothing of how far two tokens do, and whoever found
 * out a stored hash bit by bit would still have 256 random bits to guess. A clock cannot show that reliably; that near
 * and far guesses take the same steps can be shown.
 */
import { beforeAll, describe, expect, test } from '@jest/globals';
import { formatToken, Paths, type TokenKind } from '@muster/contracts';
import type { Database } from '@muster/db';
import { testEngines } from '@muster/db/testing';
import supertest from 'supertest';
import { createApp } from '../src/app.js';
import { hashToken, issueToken } from '../src/lib/tokens.js';
import { container, enrollRequest, useApi, type TestOrganization } from './harness.js';

/** The database, and what was asked of it. */
function watched(db: Database): { db: Database; asked: string[] } {
  const asked: string[] = [];
  const prisma = db.prisma.$extends({
    query: {
      $allOperations: ({ model, operation, args, query }) => {
        asked.push(`${model ?? 'raw'}.${operation}`);
        return query(args);
      },
    },
  });
  const query: Database['query'] = (statement, values) => {
    asked.push(statement.name);
    return db.query(statement, values);
  };
  return { db: { ...db, prisma: prisma as unknown as Database['prisma'], query }, asked };
}

/** The token of that kind whose random part agrees with another's but for the last byte. */
function neighbourOf(kind: TokenKind, bytes: Uint8Array): string {
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

  /** What a caller gets to see, and what it took. */
  async function guess(kind: keyof typeof CALLS, token: string) {
    const { db, asked } = watched(context.api.db);
    const { method, path, body } = CALLS[kind];
    const http = supertest(createApp({ db, now: context.api.clock }));
    const answer = await http[method](path).auth(token, { type: 'bearer' }).send(body);
    const { 'x-request-id': _id, date: _date, ...headers } = answer.headers as Record<string, string>;
    const text = answer.text.replace(/"requestId":"[^"]*"/, '');
    return { status: answer.status, headers, text, asked };
  }

  test.each(['agent', 'enroll', 'key'] as const)(
    'that agrees with a stored %s token in all but its last bit is answered, step by step, as any other',
    async (kind) => {
      const far = await guess(kind, issueToken(kind).token);
      expect(far.status).toBe(401);
      expect(far.asked.length).toBeGreaterThan(0);
      expect(await guess(kind, neighbourOf(kind, bytes))).toEqual(far);
      // And the stored one itself is let in: it is the near one that is near.
      expect((await guess(kind, formatToken(kind, bytes))).status).toBeLessThan(300);
    },
  );

  test('is nowhere stored, nor is any other: hashes alone are', async () => {
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
