export { createRoles } from '../model/container-life.js';
export { ApiError } from '../operator.js';
export { runAgents } from './fleet.js';
export { HostAgent, type Fleet } from './host-agent.js';
export { Metrics } from './metrics.js';
export { simulate } from './simulate.js';
export { summaryText, type SimulateOptions } from './summary.js';
