import type { Cadence } from '@muster/contracts';
import type { FreshnessContext } from '../domain/freshness.js';
import type { LivenessService } from './liveness.js';

/** Gives what freshness is judged by now. */
export type ReadFreshnessContext = () => Promise<FreshnessContext>;

export const createFreshnessContext =
  (liveness: LivenessService, { now, cadence }: { now: () => Date; cadence: Cadence }): ReadFreshnessContext =>
  async () => ({ outages: await liveness.outages(), now: now(), cadence });
