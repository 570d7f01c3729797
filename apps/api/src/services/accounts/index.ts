/** Users, sessions, API keys, invitations and sign-in. */
export { authenticateApiKey, createApiKey, ensureAdminKey, listApiKeys, revokeApiKey } from './api-keys.js';
export { createBetterAuth, loadCookieSecret, sessionCookieName } from './better-auth.js';
export { lockOperator, revokeCredential } from './credentials.js';
export { createFailedSignIns } from './failed-sign-ins.js';
export { startBanner, deliverSecret, type SecretDelivery, setupLink } from './start-banner.js';
export { createIdentityProvider, type IdentityProviderOptions } from './identity-provider.js';
export { createInvitationService, type InvitationService } from './invitations.js';
export { changeMember, listMembers, removeMember } from './members.js';
export { createOidcSignIn, type Redirect, type OidcSignInService } from './oidc-sign-in.js';
export { findOidcUser, type OidcPolicy } from './oidc-users.js';
export { createMySessionService, type MySessionService } from './my-sessions.js';
export {
  createSessionService,
  getSession,
  type SessionService,
  type UserSession,
  type WithCookies,
} from './sign-in.js';
export { isSetupRequired, issueSetupToken, setUp } from './setup.js';
export { createSignInLimit } from './sign-in-limit.js';
