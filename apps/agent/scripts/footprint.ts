/**
 * Measures the agent's resource usage in a steady state: a replayed engine with 100 containers and no changes, the
 * built API with an embedded database, and the default intervals of heartbeats and snapshots.
 *
 *   npx -y pnpm@12.21.0 --filter @muster/agent footprint [--seconds 180] [--containers 100] [COMMAND…]
 *
 * By default, the script measures the build under Node.js and, at the same time, the executable if `package` has built
 * one. If quoted COMMANDs are given, only they are measured. The exit code is 1 if a figure exceeds its limit.
 */
import { createReadStream, createWriteStream, existsSync } from 'node:fs';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { Command } from 'commander';
import { formatBytes, formatNumber, markdownTable } from '@muster/testkit/report';
import { readProcessCost, type ProcessCost } from './footprint/process-cost.js';
import { startApi, startSubject, type Subject } from './footprint/processes.js';
import type { Traffic } from './footprint/relay.js';

/** The maximum resource usage of one agent: memory, CPU time, traffic per heartbeat, and list calls to the engine. */
const LIMITS = { rssBytes: 70e6, cpuShare: 0.003, heartbeatBytes: 1_500, listsPerMinute: 1 };

/** Seconds between two samples. A list call is noticed with the next sample, so at most one interval late. */
const SAMPLE_INTERVAL_SECONDS = 1;

const inPackage = (path: string): string => fileURLToPath(new URL(`../${path}`, import.meta.url));

interface Sample {
  atMs: number;
  cost: ProcessCost;
  traffic: Traffic;
  listCalls: number;
}

async function takeSample(subject: Subject): Promise<Sample> {
  subject.assertRunning();
  const cost = await readProcessCost(subject.pid);
  return { atMs: performance.now(), cost, traffic: subject.relay.count(), listCalls: subject.listCalls() };
}

/** Takes one sample per interval for the given number of seconds. */
async function collectSamples(subject: Subject, seconds: number): Promise<Sample[]> {
  const samples = [await takeSample(subject)];
  for (let i = 0; i < seconds / SAMPLE_INTERVAL_SECONDS; i++) {
    await sleep(SAMPLE_INTERVAL_SECONDS * 1_000);
    samples.push(await takeSample(subject));
  }
  return samples;
}

/** Returns a row of the table, and whether all figures are within their limits. */
function evaluate(label: string, samples: readonly Sample[]): { row: string[]; isWithin: boolean } {
  const [first, last] = [samples[0]!, samples.at(-1)!];
  const seconds = (last.atMs - first.atMs) / 1_000;
  const maximum = (select: (cost: ProcessCost) => number): number =>
    Math.max(...samples.map(({ cost }) => select(cost)));
  const meanBytes = (kind: keyof Traffic): number =>
    (last.traffic[kind].bytes - first.traffic[kind].bytes) / (last.traffic[kind].count - first.traffic[kind].count);
  const figures = {
    rssBytes: maximum((cost) => cost.rssBytes),
    cpuShare: (last.cost.cpuSeconds - first.cost.cpuSeconds) / seconds,
    heartbeatBytes: meanBytes('heartbeats'),
    listsPerMinute: listsPerMinute(samples),
  };
  const isWithinLimit = (name: keyof typeof LIMITS): boolean => figures[name] <= LIMITS[name];
  const formatFigure = (name: keyof typeof LIMITS, text: string): string =>
    `${text} ${isWithinLimit(name) ? '✓' : '✗ over limit'}`;
  return {
    row: [
      label,
      formatFigure('rssBytes', formatBytes(figures.rssBytes)),
      formatBytes(maximum((cost) => cost.anonymousBytes)),
      formatBytes(maximum((cost) => cost.pssBytes)),
      formatFigure('cpuShare', `${formatNumber(figures.cpuShare * 100)} %`),
      formatFigure('heartbeatBytes', formatBytes(figures.heartbeatBytes)),
      formatBytes(meanBytes('snapshots')),
      formatFigure('listsPerMinute', formatNumber(figures.listsPerMinute)),
    ],
    isWithin: (Object.keys(LIMITS) as (keyof typeof LIMITS)[]).every(isWithinLimit),
  };
}

/**
 * Returns the rate that corresponds to the shortest time between two list calls. A list call is noticed up to one
 * sampling interval late, so the measured time can be one interval too short. One interval is therefore added.
 */
function listsPerMinute(samples: readonly Sample[]): number {
  // List calls before the first sample do not count. A measurement of three minutes contains two list calls.
  const times = samples
    .filter(({ listCalls }, i) => i > 0 && listCalls > samples[i - 1]!.listCalls)
    .map(({ atMs }) => atMs);
  const gaps = times.slice(1).map((atMs, i) => (atMs - times[i]!) / 1_000 + SAMPLE_INTERVAL_SECONDS);
  return gaps.length === 0 ? NaN : 60 / Math.min(...gaps);
}

/**
 * Returns the commands for the build and for a copy of the executable. The copy is written in small chunks, like the
 * download on a real host. The original is not measured, because the packager writes it in one chunk. The page cache
 * holds the original in larger pieces, so 12 MB more of it would be mapped than on a real host.
 */
async function defaultCommands(directory: string): Promise<string[]> {
  const build = `node ${inPackage('dist/main.js')} run`;
  const name = `muster-agent-linux-${process.arch}`;
  const executable = inPackage(`release/${name}`);
  if (!existsSync(executable)) return [build];
  await pipeline(createReadStream(executable), createWriteStream(join(directory, name), { mode: 0o755 }));
  return [build, `${join(directory, name)} run`];
}

const program = new Command('footprint')
  .argument('[command...]', 'agents to measure, each as one argument (default: the build and the executable)')
  .option('--seconds <number>', 'seconds to measure', Number, 180)
  .option('--warm-up <number>', 'seconds to wait before the measurement starts', Number, 60)
  .option('--containers <number>', 'number of containers of each engine', Number, 100)
  .parse(
    process.argv.slice(2).filter((argument) => argument !== '--'),
    { from: 'user' },
  );
const { seconds, warmUp, containers } = program.opts<{ seconds: number; warmUp: number; containers: number }>();
const dir = await mkdtemp(join(tmpdir(), 'muster-footprint-'));
const closers: (() => Promise<void>)[] = [() => rm(dir, { recursive: true, force: true })];
try {
  const api = await startApi(dir);
  closers.unshift(() => api.close());
  const commands = program.args.length === 0 ? await defaultCommands(dir) : program.args;
  const subjects: Subject[] = [];
  for (const [i, command] of commands.entries()) {
    const agentDir = join(dir, `agent-${i}`);
    await mkdir(agentDir);
    const subject = await startSubject({
      label: command.split('/').at(-1)!,
      command: command.split(' '),
      dir: agentDir,
      api,
      containers,
    });
    closers.unshift(() => subject.close());
    subjects.push(subject);
  }
  await sleep(warmUp * 1_000);
  const results = await Promise.all(
    subjects.map(async (subject) => evaluate(subject.label, await collectSamples(subject, seconds))),
  );
  const columns = [
    'agent',
    'RSS',
    'anonymous part',
    'PSS',
    'CPU (one core)',
    'per heartbeat',
    'per snapshot',
    'lists per minute',
  ];
  process.stdout.write(`${markdownTable({ columns, rows: results.map(({ row }) => row) })}\n`);
  if (results.some(({ isWithin }) => !isWithin)) process.exitCode = 1;
} finally {
  for (const close of closers) await close();
}
