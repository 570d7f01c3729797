/** The agent release that this server offers. */
export { type AgentReleaseService, createAgentReleaseService } from './agent-release.js';
