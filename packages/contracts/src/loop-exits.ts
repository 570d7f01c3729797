import { z } from 'zod';
import { ExitReason } from './container-exit.js';

const Timestamp = z.iso.datetime();

/** Exits with the same code and the same reason. */
export const LoopCode = z.object({
  code: z.int().nullable(),
  reason: ExitReason.nullable(),
  count: z.int().min(1),
});
export type LoopCode = z.output<typeof LoopCode>;

/**
 * The exits that a `looping` event combines. `first` and `last` are the times of the first and the last exit, according
 * to the host's clock. `codes` lists at most 16 codes, the most frequent first. `codes` does not include the exits that
 * happened between two reports, because only the number of these exits is known.
 */
export const LoopExits = z.object({
  count: z.int().min(1),
  first: Timestamp,
  last: Timestamp,
  codes: z.array(LoopCode),
});
export type LoopExits = z.output<typeof LoopExits>;
