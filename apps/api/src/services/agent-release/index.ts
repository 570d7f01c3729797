/** The agent release that this server offers, and its build in the background. */
export { type AgentReleaseService, createAgentReleaseService } from './agent-release.js';
export { type ReleaseBuild, startReleaseBuild } from './release-build.js';
