/** How current each fact is. */
export { createFreshnessContext, type ReadFreshnessContext } from './freshness-context.js';
export { freshnessOf } from './freshness.sql.js';
export { containersFreshness, type FreshnessContext, freshnessCutoffs, type FreshnessCutoffs, hostFreshness, type HostSigns, notAfter } from './freshness.js';
export { createLivenessService, type LivenessService } from './liveness.js';
