/** Enrollment of hosts, and agent tokens. */
export { type AgentIdentity, type AgentTokenCache, createAgentTokenCache } from './agent-token-cache.js';
export { type AgentTokenService, createAgentTokenService } from './agent-token.js';
export {
  createEnrollmentToken,
  insertEnrollmentToken,
  listEnrollmentTokens,
  revokeEnrollmentToken,
} from './enrollment-tokens.js';
export { createEnrollmentService, type EnrollmentIdentity, type EnrollmentService } from './enrollment.js';
export { findRevokedTokens } from './find-revoked-tokens.sql.js';
