/**
 * Measures the agent's resource usage in a steady state: a replayed engine with 100 containers and no changes, the
 * built API with an embedded database, and the server's default cadence.
 *
 *   npx -y pnpm@12.21.0 --filter @muster/agent footprint [--seconds 180] [--containers 100] [COMMAND…]
 *
 * By default it measures the build under Node.js and, if `package` has built one, the executable, both at the same
 * time. Quoted COMMANDs are measured instead, if given. It exits with 1 if a figure exceeds its limit.
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
import { startApi, startSubject, type Subject } from './footprint/rig.js';
import type { WireCount } from './footprint/relay.js';

/** The limits of issue 7. */
const BOUNDS = { rssBytes: 70e6, cpuShare: 0.003, heartbeatBytes: 1_500, listsPerMinute: 1 };

/** Seconds between two samples, and so the maximum delay until a list call is noticed. */
const LOOK_SECONDS = 1;

const inPackage = (path: string): string => fileURLToPath(new URL(`../${path}`, import.meta.url));

interface Look {
  atMs: number;
  cost: ProcessCost;
  wire: WireCount;
  lists: number;
}

async function look(subject: Subject): Promise<Look> {
  subject.assertRunning();
  const cost = await readProcessCost(subject.pid);
  return { atMs: performance.now(), cost, wire: subject.relay.count(), lists: subject.lists() };
}

/** Takes samples for this many seconds. */
async function watch(subject: Subject, seconds: number): Promise<Look[]> {
  const looks = [await look(subject)];
  for (let i = 0; i < seconds / LOOK_SECONDS; i++) {
    await sleep(LOOK_SECONDS * 1_000);
    looks.push(await look(subject));
  }
  return looks;
}

/** Returns a row of the table, and whether every figure is within its limit. */
function judge(label: string, looks: readonly Look[]): { row: string[]; isWithin: boolean } {
  const [first, last] = [looks[0]!, looks.at(-1)!];
  const seconds = (last.atMs - first.atMs) / 1_000;
  const most = (of: (cost: ProcessCost) => number): number => Math.max(...looks.map(({ cost }) => of(cost)));
  const bytesEach = (kind: keyof WireCount): number =>
    (last.wire[kind].bytes - first.wire[kind].bytes) / (last.wire[kind].count - first.wire[kind].count);
  const figures = {
    rssBytes: most((cost) => cost.rssBytes),
    cpuShare: (last.cost.cpuSeconds - first.cost.cpuSeconds) / seconds,
    heartbeatBytes: bytesEach('heartbeats'),
    listsPerMinute: listsPerMinute(looks),
  };
  const within = (name: keyof typeof BOUNDS): boolean => figures[name] <= BOUNDS[name];
  const cell = (name: keyof typeof BOUNDS, text: string): string => `${text} ${within(name) ? '✓' : '✗ over limit'}`;
  return {
    row: [
      label,
      cell('rssBytes', formatBytes(figures.rssBytes)),
      formatBytes(most((cost) => cost.anonymousBytes)),
      formatBytes(most((cost) => cost.pssBytes)),
      cell('cpuShare', `${formatNumber(figures.cpuShare * 100)} %`),
      cell('heartbeatBytes', formatBytes(figures.heartbeatBytes)),
      formatBytes(bytesEach('snapshots')),
      cell('listsPerMinute', formatNumber(figures.listsPerMinute)),
    ],
    isWithin: (Object.keys(BOUNDS) as (keyof typeof BOUNDS)[]).every(within),
  };
}

/** Returns the rate from the shortest time between two lists, rounded in the agent's favor by the sampling interval. */
function listsPerMinute(looks: readonly Look[]): number {
  // Only lists within the period count: three minutes contain two.
  const times = looks.filter(({ lists }, i) => i > 0 && lists > looks[i - 1]!.lists).map(({ atMs }) => atMs);
  const gaps = times.slice(1).map((atMs, i) => (atMs - times[i]!) / 1_000 + LOOK_SECONDS);
  return gaps.length === 0 ? NaN : 60 / Math.min(...gaps);
}

/**
 * Returns the commands for the build and for a copy of the executable. The copy is written in small pieces: a file
 * written in one piece, as the packager does, is in the page cache in larger pieces than a downloaded one, which maps
 * 12 MB more of it.
 */
async function defaultCommands(into: string): Promise<string[]> {
  const build = `node ${inPackage('dist/main.js')} run`;
  const name = `muster-agent-linux-${process.arch}`;
  const made = inPackage(`release/${name}`);
  if (!existsSync(made)) return [build];
  await pipeline(createReadStream(made), createWriteStream(join(into, name), { mode: 0o755 }));
  return [build, `${join(into, name)} run`];
}

const program = new Command('footprint')
  .argument('[command...]', 'agents to measure, each as one argument (default: the build and the executable)')
  .option('--seconds <number>', 'measured time', Number, 180)
  .option('--warm-up <number>', 'seconds before that', Number, 60)
  .option('--containers <number>', 'containers of each engine', Number, 100)
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
    const own = join(dir, `agent-${i}`);
    await mkdir(own);
    const subject = await startSubject({
      label: command.split('/').at(-1)!,
      command: command.split(' '),
      dir: own,
      api,
      containers,
    });
    closers.unshift(() => subject.close());
    subjects.push(subject);
  }
  await sleep(warmUp * 1_000);
  const judged = await Promise.all(
    subjects.map(async (subject) => judge(subject.label, await watch(subject, seconds))),
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
  process.stdout.write(`${markdownTable({ columns, rows: judged.map(({ row }) => row) })}\n`);
  if (judged.some(({ isWithin }) => !isWithin)) process.exitCode = 1;
} finally {
  for (const close of closers) await close();
}
