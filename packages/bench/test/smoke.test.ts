import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { NO_PROGRESS, seedHosts, simulateHost } from '@muster/fleet';
import { isAvailable, runIf, startIfInstalled } from '@muster/testkit';
import { startCluster, type BenchDatabase } from '../src/cluster.js';
import { runBench } from '../src/run.js';
import { verifyHost, VerificationError } from '../src/verify.js';
import { createSetBased } from '../src/contenders/set-based.js';

// The benchmark reads CPU times from /proc, which only Linux has, and needs a PostgreSQL server.
const isLinux = isAvailable(process.platform === 'linux' ? null : 'the benchmark needs /proc: run it on Linux');
const cluster = isLinux ? await startIfInstalled(startCluster) : null;
const onPostgres = runIf(cluster !== null, describe);
afterAll(() => cluster?.stop());

onPostgres('a benchmark on a real database', () => {
  let out: string;
  let database: BenchDatabase;
  beforeAll(async () => {
    out = await mkdtemp(join(tmpdir(), 'muster-bench-test-'));
    database = await cluster!.createDatabase('bench_test');
  });
  afterAll(() => rm(out, { recursive: true, force: true }));

  test('a quick run of one section measures every contender and writes all outputs', async () => {
    const lines: string[] = [];
    const request = { only: ['service'] as const, quick: true, rounds: 1, out };
    const { service } = await runBench(request, {
      write: (text) => void lines.push(text),
      progress: () => undefined,
    });
    for (const { figures, ratios } of service!.result.cells) {
      expect(figures.map(({ contender }) => contender).sort()).toEqual([
        ...['muster', 'statement', 'statement-history', 'upserts'],
      ]);
      for (const { snapshots, snapshotsPerSecond, nodeCpuMs, postgresCpuMs } of figures) {
        expect(snapshots).toBeGreaterThan(0);
        expect(Math.min(snapshotsPerSecond.min, nodeCpuMs, postgresCpuMs)).toBeGreaterThan(0);
      }
      expect(ratios.upserts!.median).toBeGreaterThan(1);
    }
    expect(lines.join('')).toContain('Targets');
    expect(await readFile(join(out, 'benchmarks.md'), 'utf8')).toContain('Muster / obvious implementation');
    expect(await readFile(join(out, 'benchmarks', 'tables.md'), 'utf8')).toContain('## service');
    const kept = JSON.parse(await readFile(join(out, 'benchmarks', 'results.json'), 'utf8')) as { sections: object };
    expect(kept.sections).toEqual({ service });
  });

  test('verification fails if a contender did not add, update or remove a row', async () => {
    const [host] = await seedHosts(database.pool, 'verify', 1);
    const simulated = simulateHost({ seed: 1, index: 0, containers: 5, mix: 'running' });
    const contender = createSetBased(database.url, { history: true });
    const deliver = (progress: typeof NO_PROGRESS) => {
      const containers = simulated.snapshot(progress);
      const order = { sequence: 1, observedAt: new Date() };
      return contender.deliver({ hostId: host!.id, containers, changes: 0, body: Buffer.alloc(0), ...order });
    };
    const verify = (progress: typeof NO_PROGRESS) =>
      verifyHost(database.pool, 'one', { id: host!.id, simulated, progress });
    try {
      await deliver(NO_PROGRESS);
      await verify(NO_PROGRESS);
      await expect(verify({ ...NO_PROGRESS, ages: 1 })).rejects.toThrow(VerificationError);
      await expect(verify({ ...NO_PROGRESS, restarts: 5 })).rejects.toThrow(VerificationError);
      await expect(verify({ ...NO_PROGRESS, absent: 1 })).rejects.toThrow(VerificationError);
      await expect(verify({ ...NO_PROGRESS, added: 1 })).rejects.toThrow(VerificationError);
      const progress = { ages: 3, restarts: 2, absent: 1, added: 2 };
      await deliver(progress);
      await verify(progress);
      await expect(verify(NO_PROGRESS)).rejects.toThrow(VerificationError);
    } finally {
      await contender.close();
    }
  });
});
