import type { Cadence } from '@muster/contracts';

/** What the API was told of a host, as far as it has said that it took it. */
export interface Told {
  name: string;
  hostId: string;
  /** False: the host went away for good after this. */
  isLive: boolean;
  /** The containers of its last snapshot, in canonical JSON; null: none was ever taken. */
  texts: readonly string[] | null;
  /** Containers that a snapshot had, and the last one has no more. */
  removed: readonly string[];
  /** When the API heard it last: not before, and not after. */
  heard: { fromMs: number; untilMs: number };
  cadence: Cadence;
}
