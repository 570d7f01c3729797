/** The document: every target with its figure, every table, and what it was measured on. */
import { SECTION_IDS, type SectionId, type SectionRecord, type Sections } from '../results.js';
import { formatBytes, formatMs, formatNumber, markdownTable } from '@muster/measure';
import type { Plot } from './plots.js';
import { REMAINS } from './remains.js';
import { tablesOf, targetTable } from './tables.js';

const TITLES: Readonly<Record<SectionId, string>> = {
  service: 'Service level: one way against another on the same database',
  http: 'HTTP level: the API against the limit of its stack',
  growth: 'Growth: from a hundred hosts to ten thousand',
  live: 'Live: a thousand who watch, and those who report',
  'table-growth': 'Table growth: what unchanged snapshots leave behind',
  embedded: 'Embedded: without a database server',
};

const TEXTS: Readonly<Record<SectionId, string>> = {
  service: `Five ways to make the rows of a host equal to its snapshot, on one database, each with hosts of its own that hold
the same containers. \`restarted\`: the container's start and status changed, which is an event of the history too;
\`aged\`: only the age in its status text changed, which is none. The hand-written statement without history is the
reference for the limit, the one with history does what Muster does; neither knows order, revisions, digests or health.
The obvious way is given more than
Prisma's own 5 s for a transaction, without which it fails with thousands of containers.
An unchanged snapshot reaches Muster as in its route: by its digest first. Muster's figure includes the digest of the body.`,
  http: `Each server is a process of its own with a pool of ten connections; the load comes from another process, which costs
all of them the same. The bare route reads the body, updates one row by a prepared statement and answers as many bytes;
it authenticates nobody and stores nothing. CPU is that of all threads of the server and of all processes of PostgreSQL.`,
  growth: `A database and an API process for each size, filled by first snapshots over HTTP; each round measures all of them.
Afterwards reads, one at a time, on a connection that is kept.`,
  live: `Hosts report at a pace, not as fast as they can: the same calls with nobody listening and with listeners to
\`GET /api/stream\`, who are one more process on the same machine. A call that had to wait for its turn counts from when
its turn was. Every listener must have heard every change that was recorded. Delay: from a change's being recorded to its
being heard; the history is read once a second.`,
  'table-growth': 'At the highest rate that the API takes; nothing is vacuumed but what the server vacuums by itself.',
  embedded: "The database is in the API's process (PGlite). Ready: `/readyz` answers 200.",
};

/** Renders what is known; sections that were never run are not mentioned but in the targets. */
export function renderMarkdown(
  sections: Sections,
  plots: readonly Plot[],
  settings: Readonly<Record<string, string>>,
): string {
  const known = SECTION_IDS.filter((id) => sections[id] !== undefined);
  const text = [
    '# Benchmarks',
    `Written by \`pnpm bench\`, which starts a PostgreSQL of its own, measures, and removes it. Contenders run one after the
other in each round, on the same server; a first round warms up and does not count. A figure is the median of the rounds,
in parentheses between what they lay; a ratio is taken in each round, and then the median of these. At the end of each
section the rows of every contender that keeps rows are compared with the last snapshots, field by field: whoever did less
than it was asked fails the run. The raw figures are in [benchmarks/results.json](benchmarks/results.json).`,
    '## Targets',
    markdownTable(targetTable(sections)),
    '## What remains',
    REMAINS,
    ...known.flatMap((id) => [
      `## ${TITLES[id]}`,
      TEXTS[id],
      takenWhen(sections[id]!),
      ...plots.filter(({ section }) => section === id).map(({ alt, name }) => `![${alt}](benchmarks/${name})`),
      ...tablesOf(id, sections).flatMap((table) => [`### ${table.title}`, markdownTable(table)]),
    ]),
    '## Machine',
    ...machines(sections),
    'PostgreSQL settings, apart from its defaults:',
    `\`\`\`\n${Object.entries(settings)
      .map((pair) => pair.join(' = '))
      .join('\n')}\n\`\`\``,
  ];
  return `${text.join('\n\n')}\n`;
}

function takenWhen({ at, commit, quick, rounds, seconds }: SectionRecord<unknown>): string {
  const caveat = quick ? ' A quick run: its figures say little.' : '';
  return `Measured on ${at.slice(0, 10)} at commit ${commit}: ${rounds} rounds, ${formatNumber(seconds)} s.${caveat}`;
}

/** One line for each machine, with the sections that ran there: as a rule one. */
function machines(sections: Sections): string[] {
  const lines = new Map<string, SectionId[]>();
  for (const id of SECTION_IDS) {
    const machine = sections[id]?.machine;
    if (machine === undefined) continue;
    const { cpu, cores, memoryBytes, kernel, node } = machine;
    const line = `${cpu}, ${cores} cores, ${formatBytes(memoryBytes)} of memory, ${kernel}, Node.js ${node}`;
    lines.set(line, [...(lines.get(line) ?? []), id]);
  }
  const details = SECTION_IDS.flatMap((id) => {
    const machine = sections[id]?.machine;
    if (machine === undefined) return [];
    const postgres = machine.postgres === null ? 'PGlite' : `PostgreSQL ${machine.postgres}`;
    return [[id, postgres, formatMs(machine.fsyncMs)]];
  });
  return [
    [...lines].map(([line, ids]) => `- ${line} (${ids.join(', ')})`).join('\n'),
    markdownTable({ columns: ['section', 'database', 'writing 8 KiB to the disk for good'], rows: details }),
  ];
}
