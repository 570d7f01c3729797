import type { Input } from '@muster/client';
import { PAGE_LIMIT_MAX, SyncSummary, type ContainerEvent } from '@muster/contracts';
import { type AgentSession, heartbeatRequest, markerOf, numberedSnapshot, snapshotRequest } from '@muster/fleet';
import { eventually } from '@muster/testkit';
import { createHttp, type Http, type Reply } from '@muster/testkit/http';
import { enroll } from '../parts/agent.js';
import { createEnrollment, type Operator } from '../parts/operator.js';
import { generationOfValue, judgeHost } from './generation.js';

/** The differences between what the API acknowledged and what it stores. */
export interface Comparison {
  /** Acknowledged snapshots and enrollments. */
  acked: number;
  /** Number of hosts that were compared. */
  hosts: number;
  lost: string[];
  torn: string[];
  /** Responses that were neither a success nor a 503. */
  unexpected: string[];
}

/** Hosts that post one snapshot after the other until `stop` is called. In the meantime, new hosts enroll. */
export interface Writers {
  /** Starts sending. Resolves when the API has acknowledged a few snapshots of every host. */
  begin(): Promise<void>;
  /** Starts no more calls, and waits for the calls in progress. */
  stop(): Promise<void>;
  /** Compares the snapshots that were acknowledged since the last comparison with the stored state. */
  compare(operator: Operator): Promise<Comparison>;
  close(): Promise<void>;
}

/** Milliseconds between a failed attempt and the next attempt. */
const RETRY_MS = 20;

/** Acknowledged snapshots per host before a fault is injected. */
const ACKS_FIRST = 5;

interface Writer {
  agent: AgentSession;
  host: number;
  base: number;
  acked: number[];
  sent: number;
}

/** Enrolls `count` hosts at `url`. After each kill, the API must listen at this URL again. */
export async function createWriters(url: string, operator: Operator, count: number): Promise<Writers> {
  const client = createHttp(url);
  const { token } = await createEnrollment(operator, 100_000);
  const writers: Writer[] = [];
  for (let host = 0; host < count; host++) {
    writers.push({ agent: await enroll(client, token, `writer-${host}`), host, base: 0, acked: [], sent: 0 });
  }
  const newcomers: AgentSession[] = [];
  const unexpected: string[] = [];
  let enrollmentCount = 0;
  let stopped = false;
  let loops: Promise<void>[] = [];

  async function attempt<T>(action: () => Promise<T>): Promise<T | null> {
    try {
      return await action();
    } catch {
      // The API may or may not store a snapshot that it did not acknowledge.
      await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
      return null;
    }
  }

  async function write(writer: Writer): Promise<void> {
    while (!stopped) {
      writer.sent += 1;
      const generation = writer.sent;
      const call = snapshotRequest(writer.agent, JSON.stringify(numberedSnapshot(writer.host, generation)));
      const reply = await attempt(() => client.send(call));
      if (reply === null) continue;
      if (isAck(reply)) writer.acked.push(generation);
      else if (reply.status !== 503) unexpected.push(`${reply.status} ${reply.text.slice(0, 300)}`);
    }
  }

  async function enrollNewHosts(): Promise<void> {
    while (!stopped) {
      enrollmentCount += 1;
      const newcomer = await attempt(() => enroll(client, token, `newcomer-${enrollmentCount}`));
      if (newcomer !== null) newcomers.push(newcomer);
      await new Promise((resolve) => setTimeout(resolve, 5 * RETRY_MS));
    }
  }

  return {
    async begin() {
      stopped = false;
      const before = writers.map(({ acked }) => acked.length);
      loops = [...writers.map(write), enrollNewHosts()];
      await eventually(() => {
        if (writers.some(({ acked }, i) => acked.length < before[i]! + ACKS_FIRST))
          throw new Error('a host received no acknowledgment');
      });
    },
    async stop() {
      stopped = true;
      await Promise.all(loops);
    },
    async compare(operator) {
      const comparison: Comparison = { acked: 0, hosts: writers.length, lost: [], torn: [], unexpected: [] };
      comparison.unexpected.push(...unexpected.splice(0));
      for (const writer of writers) {
        const { agent, host, base, acked } = writer;
        const containers = await operator.all('listContainers', { query: { hostId: [agent.hostId] } });
        const query = { hostId: [agent.hostId], dockerId: markerOf(host), kind: ['image_changed' as const] };
        const events = await eventsSince(base, operator, query);
        const { found, lost, torn } = judgeHost(writer, containers, events);
        comparison.acked += acked.length;
        if (lost !== null) comparison.lost.push(lost);
        if (torn !== null) comparison.torn.push(torn);
        Object.assign(writer, { base: found, acked: [] });
      }
      comparison.acked += newcomers.length;
      comparison.hosts += newcomers.length;
      comparison.lost.push(...(await findLostEnrollments(client, operator, newcomers.splice(0))));
      return comparison;
    },
    close: () => client.close(),
  };
}

const isAck = ({ status, text }: Reply): boolean => status === 200 && SyncSummary.parse(JSON.parse(text)).applied;

/** Returns a marker's events, newest first: at least all events after generation `base`. */
async function eventsSince(
  base: number,
  operator: Operator,
  query: Input<'listEvents'>['query'],
): Promise<ContainerEvent[]> {
  const events: ContainerEvent[] = [];
  let cursor: string | undefined;
  do {
    const page = await operator.call('listEvents', { query: { ...query, limit: PAGE_LIMIT_MAX, cursor } });
    events.push(...page.items);
    cursor = page.nextCursor ?? undefined;
  } while (cursor !== undefined && !events.some(({ to }) => generationOfValue(to) <= base));
  return events;
}

/**
 * Finds enrollments that the API acknowledged but lost: the API does not list the host, or rejects the host's token.
 */
async function findLostEnrollments(
  client: Http,
  operator: Operator,
  agents: readonly AgentSession[],
): Promise<string[]> {
  const known = new Set((await operator.all('listHosts')).map(({ id }) => id));
  const lost: string[] = [];
  for (const agent of agents) {
    const { status } = await client.send(heartbeatRequest(agent, null));
    if (!known.has(agent.hostId) || status !== 200) lost.push(`the enrollment of ${agent.hostId}`);
  }
  return lost;
}
