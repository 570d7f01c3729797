import {
  ATTENTION_TIMES_MAX,
  ContainerProblemCode,
  Freshness,
  FRESHNESS_SEVERITY,
  HostAttentionKind,
  HostProblemCode,
  PROBLEM_SEVERITY,
  type Attention,
  type ContainerAttention,
  type ContainerAttentionFilter,
  type HostAttention,
  type HostAttentionFilter,
} from '@muster/contracts';
import { shareReads } from '../../lib/share-reads.js';
import type { FreshnessSource } from '../freshness/index.js';
import { groupTimes } from './attention-times.js';
import { readCrashLoops, readTroubledContainers, type ImageRow } from './container-attention.sql.js';
import { isRowProblem } from './container-problems.sql.js';
import type { HostLabelFilters } from './host-labels.sql.js';
import { readHostAttention, type HostsWithProblem } from './host-attention.sql.js';

/**
 * Returns the hosts and containers of an organization that need attention; with `hostLabel`, only those of hosts with
 * these labels. The cost is bounded: all hosts are read once, but containers are read for only some of the hosts with
 * problems, and only the newest exits are read.
 */
export type GetAttention = (organizationId: string, hostLabel?: HostLabelFilters) => Promise<Attention>;

/** The limits of the work for one response. */
export interface AttentionLimits {
  /** Maximum number of hosts whose containers are read. */
  hostsMax?: number;
  /** Maximum number of containers that are read. A single host may have more. */
  rowsMax?: number;
  /** Maximum number of exits that are read. */
  exitsReadMax?: number;
}

export function createGetAttention(
  { db, freshnessContext }: FreshnessSource,
  { hostsMax = 200, rowsMax = 2_000, exitsReadMax }: AttentionLimits = {},
): GetAttention {
  return shareReads(async (organizationId, hostLabel) => {
    const context = await freshnessContext();
    const hosts = await readHostAttention(db, organizationId, context, { hostsMax, rowsMax, hostLabel });
    const { totals, read } = hosts;
    const images = await readTroubledContainers(db, read.hostIds);
    const loops = await readCrashLoops(db, organizationId, context, hostLabel, exitsReadMax);
    const problems = ContainerProblemCode.options.flatMap((kind): ContainerAttention[] => {
      if (!isRowProblem(kind)) return toContainerAttention(kind, loops, loops.isExact, loops.images);
      const ofKind = images.filter((image) => image.kind === kind);
      const counted = { total: totals[kind], isExact: true };
      return toContainerAttention(kind, counted, read.totals[kind] === totals[kind], ofKind);
    });
    const total = totals.unhealthy + totals.dead + totals.failed + loops.total - loops.counted;
    return {
      hosts: { total: hosts.hostTotal, problems: toHostAttention(hosts.hostProblems) },
      containers: { total, totalIsExact: loops.isExact, problems },
    };
  });
}

const SEVERITY = { ...FRESHNESS_SEVERITY, ...PROBLEM_SEVERITY };

function toHostAttention(found: readonly HostsWithProblem[]): HostAttention[] {
  return HostAttentionKind.options.flatMap((kind) => {
    const problem = found.find((one) => one.kind === kind);
    if (problem === undefined) return [];
    const times = groupTimes(problem.times);
    return {
      kind,
      severity: SEVERITY[kind],
      total: problem.times.length,
      filter: hostFilter(kind),
      since: times.at(-1)!.since,
      times: times.slice(0, ATTENTION_TIMES_MAX),
      latest: problem.latest
        .map(({ id, name, since }) => ({ id, name, since: new Date(since).toISOString() }))
        .reverse(),
    };
  });
}

/** The freshness values of hosts whose problems are current. */
const ALIVE_FRESHNESS = Freshness.options.filter((freshness) => freshness !== 'offline' && freshness !== 'left');

function hostFilter(kind: HostAttentionKind): HostAttentionFilter {
  const code = HostProblemCode.safeParse(kind);
  return code.success ? { freshness: ALIVE_FRESHNESS, problem: [code.data] } : { freshness: [Freshness.parse(kind)] };
}

function toContainerAttention(
  kind: ContainerProblemCode,
  { total, isExact }: { total: number; isExact: boolean },
  isComplete: boolean,
  images: readonly ImageRow[],
): ContainerAttention[] {
  if (total === 0 && isExact) return [];
  const filter: ContainerAttentionFilter = { problem: [kind], hostFreshness: ['online'] };
  const groups = images.map(({ image, total: ofImage, hosts, since, latest }) => ({
    image,
    total: ofImage,
    hosts,
    filter: { ...filter, image: [image] },
    since: since.toISOString(),
    latest: latest.map((container) => ({ ...container, since: new Date(container.since).toISOString() })).reverse(),
  }));
  return [{ kind, total, totalIsExact: isExact, filter, groups, isComplete }];
}
