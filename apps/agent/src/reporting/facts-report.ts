import type { HostFacts } from '@muster/contracts';
import type { MachineFacts } from '../engine/identity.js';

/** How often the facts are sent although they have not changed, in milliseconds. */
const REPEAT_MS = 3_600_000;

/** Facts that must be sent with the next heartbeat. */
export interface DueFacts {
  facts: HostFacts;
  key: string;
}

/** Decides which heartbeats contain the facts about the host. */
export interface FactsReport {
  /**
   * Returns null if the API acknowledged these facts in this run and within the last hour. Otherwise, returns the
   * facts. `machine` is null before the engine has answered.
   */
  due(machine: MachineFacts | null): DueFacts | null;
  /** Records that the API answered the heartbeat with these facts. */
  recordAcknowledged(sent: DueFacts): void;
}

export interface FactsReportOptions {
  /** The facts that are known without the engine. */
  factsWithoutEngine: MachineFacts;
  /** Returns the identity with which the machine is, or would be, enrolled; null if it is unknown. */
  engineId: (machine: MachineFacts) => string | null;
  /** Returns monotonic time in milliseconds. */
  now: () => number;
}

export function createFactsReport({ factsWithoutEngine, engineId, now }: FactsReportOptions): FactsReport {
  let acknowledged: { key: string; at: number } | null = null;
  return {
    due(machine) {
      const { reported } = machine ?? factsWithoutEngine;
      const id = machine?.isIdentityCertain === true ? engineId(machine) : null;
      const facts = { ...reported, ...(id === null ? {} : { engineId: id }) };
      const key = JSON.stringify(facts);
      const isKnown = acknowledged?.key === key && now() - acknowledged.at < REPEAT_MS;
      return isKnown ? null : { facts, key };
    },
    recordAcknowledged: ({ key }) => void (acknowledged = { key, at: now() }),
  };
}
