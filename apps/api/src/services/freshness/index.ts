/** How current the stored state of each host is. */
export { createFreshnessContext, type FreshnessSource, type ReadFreshnessContext } from './freshness-context.js';
export { freshnessSql } from './freshness.sql.js';
export {
  containersFreshness,
  type FreshnessContext,
  freshnessCutoffs,
  type FreshnessCutoffs,
  hostFreshness,
  type HostActivity,
  type Outage,
  clampToNow,
  silenceInstants,
} from './freshness.js';
export { createLivenessService, OUTAGES_KEPT, type LivenessService } from './liveness.js';
