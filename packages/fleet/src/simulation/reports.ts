import type { SimContainer } from '../model/container-life.js';
import { containerTexts, snapshotText } from '../model/snapshot-text.js';
import type { SnapshotOrder } from '../protocol/agent-calls.js';
import { encodeSnapshot, type EncodedSnapshot } from '../protocol/encode-snapshot.js';

/** What one host's agent makes of its containers, and in which order it says it. */
export interface Reports {
  /** The snapshot of these containers: the very same object as the last one where its bytes are the same. */
  snapshot(containers: readonly SimContainer[], nowMs: number): EncodedSnapshot;
  /** The texts of the containers in the last snapshot. */
  texts(): readonly string[];
  /** The order of the next sending. No two of a host are observed at one moment, so that none can pass another. */
  nextOrder(nowMs: number): SnapshotOrder;
  /** The run of the agent. */
  stream(): string;
  /** The agent begins a new run. */
  restart(): void;
}

/** Reports of a host that has said nothing yet. `epochMs`: when the simulation began. */
export function createReports({ uuid, epochMs }: { uuid: () => string; epochMs: number }): Reports {
  let texts: readonly string[] = [];
  let encoded: EncodedSnapshot | null = null;
  let stream = uuid();
  let sequence = 0;
  let observedAtMs = 0;
  return {
    snapshot(containers, nowMs) {
      const next = containerTexts(containers, texts, nowMs, epochMs);
      if (encoded === null || next !== texts) encoded = encodeSnapshot(snapshotText(next));
      texts = next;
      return encoded;
    },
    texts: () => texts,
    nextOrder(nowMs) {
      observedAtMs = Math.max(observedAtMs + 1, Math.floor(epochMs + nowMs));
      return { stream, sequence: ++sequence, observedAt: new Date(observedAtMs).toISOString() };
    },
    stream: () => stream,
    restart() {
      stream = uuid();
      sequence = 0;
    },
  };
}
