import { z } from 'zod';
import {
  ApiKeyCreated,
  ApiKeyRequest,
  InvitationAcceptance,
  InvitationCreated,
  InvitationOffer,
  InvitationOfferRequest,
  InvitationRequest,
  Member,
  MemberPatch,
  PasswordChange,
  Session,
  SetupRequest,
  SignInOptions,
  SignInRequest,
} from './accounts.js';
import { Attention } from './attention.js';
import { ContainerView } from './container-view.js';
import { DockerId } from './container.js';
import {
  EnrollmentTokenCreated,
  EnrollmentTokenRequest,
  EnrollRequest,
  EnrollResponse,
  TokenHolder,
  TokenRotation,
} from './enrollment.js';
import { FleetMap } from './fleet-map.js';
import { Liveness, Readiness } from './health-checks.js';
import { Heartbeat, HeartbeatResponse } from './heartbeat.js';
import { Host, HostDeletionRequest, HostDeletionResult, HostFacets, HostPatch } from './host.js';
import { Id } from './id.js';
import { InventoryOperations } from './images-ports-projects.js';
import { FLEET_MAP_HOSTS_MAX, SNAPSHOT_BODY_BYTES_MAX } from './limits.js';
import {
  ApiKeyPage,
  AuditEntryPage,
  ContainerPage,
  EnrollmentTokenPage,
  EventPage,
  HostPage,
  InvitationPage,
  MemberPage,
  SessionList,
} from './pages.js';
import type { Operation } from './operation.js';
import { Paths } from './paths.js';
import { ProblemTypes } from './problem.js';
import {
  AuditQuery,
  ContainerExportQuery,
  ContainerQuery,
  EnrollmentTokenQuery,
  EventExportQuery,
  EventQuery,
  HostQuery,
  MemberCredentialsQuery,
  OidcCallbackQuery,
  OidcSignInQuery,
  PageQuery,
  StreamQuery,
} from './queries.js';
import { SearchQuery, SearchResult } from './search.js';
import { HeartbeatHeaders, SnapshotHeaders } from './snapshot-headers.js';
import { Snapshot } from './snapshot.js';
import { Summary } from './summary.js';
import { SyncSummary } from './sync-summary.js';

/** All operations of the API by id. Routes, client, OpenAPI document and tests derive from this table. */
export const Operations = {
  enroll: {
    method: 'POST',
    path: Paths.agentEnroll,
    tag: 'Agents',
    access: 'enroll',
    summary: 'Enroll a host and get its agent token',
    description:
      'Registers the machine as a host and returns an agent token for it, shown only here. A known `engineId` ' +
      'returns the same host (200): its history is kept and its earlier agent tokens are revoked. Repeating the call ' +
      'before the agent token is first used does not consume another use of the enrollment token. Fails with 409 and ' +
      '`Retry-After` if a host with this `engineId` was seen recently, and with 403 if the enrollment token was ' +
      'created for another host, or if an operator revoked the host’s tokens and this is not the token that restores ' +
      'it.',
    body: EnrollRequest,
    answers: { 200: EnrollResponse, 201: EnrollResponse },
    refusals: [ProblemTypes.engineIdInUse, ProblemTypes.forbidden],
  },
  reportContainers: {
    method: 'POST',
    path: Paths.agentContainers,
    tag: 'Agents',
    access: 'agent',
    summary: 'Report a snapshot of the host’s containers',
    description:
      'Makes the stored containers of the host equal to the snapshot, in one transaction: a 200 with `applied: ' +
      'true` means that it is committed. Containers that are absent from a complete snapshot are marked removed. A ' +
      'stale snapshot (by stream and sequence) is a 200 with `applied: false` and a `reason`; none of it is ' +
      'stored. A single invalid container makes the API refuse the whole snapshot with 400. Costly snapshots of a ' +
      'host are rate limited: 429 with `Retry-After`.',
    headers: SnapshotHeaders,
    body: Snapshot,
    bodyBytesMax: SNAPSHOT_BODY_BYTES_MAX,
    limits: 'snapshots',
    answers: { 200: SyncSummary },
  },
  heartbeat: {
    method: 'POST',
    path: Paths.agentHeartbeat,
    tag: 'Agents',
    access: 'agent',
    summary: 'Report that the agent is running',
    description:
      'Confirms the host’s state without sending it: `digest` is the digest of the last applied snapshot, or null if ' +
      'the agent cannot list its containers. Returns whether the agent must send a snapshot, and the cadence to use. ' +
      'Also records the agent’s problems and versions.',
    headers: HeartbeatHeaders,
    body: Heartbeat,
    answers: { 200: HeartbeatResponse },
  },
  rotateAgentToken: {
    method: 'POST',
    path: Paths.agentToken,
    tag: 'Agents',
    access: 'agent',
    summary: 'Rotate the agent token',
    description:
      'Issues a new agent token for the host. The old one stays valid until the new one is first used; a new token ' +
      'that is not used within 24 hours expires. Rotating again replaces the unused token, so a lost response never ' +
      'locks out the agent.',
    limits: 'rotations',
    answers: { 201: TokenRotation },
  },
  getAgentTokenHolder: {
    method: 'GET',
    path: Paths.agentToken,
    tag: 'Agents',
    access: 'agent',
    summary: 'Identify the host of an agent token',
    description: 'Returns the id of the host that the token belongs to, and the cadence.',
    answers: { 200: TokenHolder },
  },
  leave: {
    method: 'DELETE',
    path: Paths.agentToken,
    tag: 'Agents',
    access: 'agent',
    summary: 'Revoke all agent tokens of the host',
    description:
      'For an agent that is being uninstalled: revokes all agent tokens of its host. The host’s containers and ' +
      'history are kept, and its freshness becomes `left` until it is enrolled again.',
    answers: { 204: null },
  },
  createEnrollmentToken: {
    method: 'POST',
    path: Paths.enrollmentTokens,
    tag: 'Enrollment',
    access: 'admin',
    summary: 'Create an enrollment token',
    description:
      'Creates a token that agents use to enroll hosts: for one host and 24 hours by default. The secret is returned ' +
      'only here.',
    body: EnrollmentTokenRequest,
    answers: { 201: EnrollmentTokenCreated },
  },
  listEnrollmentTokens: {
    method: 'GET',
    path: Paths.enrollmentTokens,
    tag: 'Enrollment',
    access: 'viewer',
    summary: 'List enrollment tokens',
    description:
      'Returns the organization’s enrollment tokens without their secrets, newest first, including used, expired and ' +
      'revoked ones.',
    query: EnrollmentTokenQuery,
    answers: { 200: EnrollmentTokenPage },
  },
  revokeEnrollmentToken: {
    method: 'DELETE',
    path: Paths.enrollmentToken,
    tag: 'Enrollment',
    access: 'admin',
    summary: 'Revoke an enrollment token',
    description:
      'The token can enroll no more hosts; hosts that it enrolled are unaffected. Revoking a revoked token succeeds. ' +
      'Fails with 404 if the organization has no such token.',
    resource: 'enrollment token',
    params: z.object({ enrollmentTokenId: Id }),
    answers: { 204: null },
  },
  listHosts: {
    method: 'GET',
    path: Paths.hosts,
    tag: 'Inventory',
    access: 'viewer',
    summary: 'List hosts',
    description: 'Returns hosts with their freshness, problems and container counts, filtered and sorted.',
    query: HostQuery,
    answers: { 200: HostPage },
  },
  getHostFacets: {
    method: 'GET',
    path: Paths.hostFacets,
    tag: 'Inventory',
    access: 'viewer',
    summary: 'List the values of host filters',
    description:
      'Returns the engines and the agent versions of the hosts, each with the number of hosts that the filter `engine` ' +
      'or `agentVersion` finds.',
    answers: { 200: HostFacets },
  },
  getHost: {
    method: 'GET',
    path: Paths.host,
    tag: 'Inventory',
    access: 'viewer',
    summary: 'Get a host',
    description: 'Returns one host. Fails with 404 if the organization has no such host.',
    resource: 'host',
    params: z.object({ hostId: Id }),
    answers: { 200: Host },
  },
  renameHost: {
    method: 'PATCH',
    path: Paths.host,
    tag: 'Inventory',
    access: 'admin',
    summary: 'Rename a host',
    description:
      'Changes the host’s name in Muster only; the machine keeps its own. Returns the changed host. Fails with 404 ' +
      'if the organization has no such host.',
    resource: 'host',
    params: z.object({ hostId: Id }),
    body: HostPatch,
    answers: { 200: Host },
  },
  deleteHost: {
    method: 'DELETE',
    path: Paths.host,
    tag: 'Inventory',
    access: 'admin',
    summary: 'Delete a host',
    description:
      'Revokes the host’s agent tokens and deletes the host, its containers and its history. Nothing on the machine ' +
      'changes; its agent receives 410, and 401 after 30 days. Enrolling the machine later creates a new host. Fails ' +
      'with 404 if the organization has no such host.',
    resource: 'host',
    params: z.object({ hostId: Id }),
    answers: { 204: null },
  },
  deleteHosts: {
    method: 'POST',
    path: Paths.hostDeletions,
    tag: 'Inventory',
    access: 'admin',
    summary: 'Delete several hosts',
    description:
      'Deletes each of the hosts as `DELETE /api/hosts/{hostId}` does, in one transaction, with one audit log entry ' +
      'per host. Hosts that the organization does not have are returned in `notFound`. The rows of their containers ' +
      'and history, which no list contains any more, are deleted later.',
    body: HostDeletionRequest,
    answers: { 200: HostDeletionResult },
  },
  rotateHostToken: {
    method: 'POST',
    path: Paths.hostToken,
    tag: 'Inventory',
    access: 'admin',
    summary: 'Revoke a host’s agent tokens and create an enrollment token to restore it',
    description:
      'For an agent token that may have leaked. Revokes the host’s agent tokens, which stop working within 5 ' +
      'seconds, and returns an enrollment token for one use within 24 hours. Only this token can enroll the machine ' +
      'again as the same host. The host’s containers and history are kept. Fails with 404 if the organization has no ' +
      'such host.',
    resource: 'host',
    params: z.object({ hostId: Id }),
    answers: { 201: EnrollmentTokenCreated },
  },
  listContainers: {
    method: 'GET',
    path: Paths.containers,
    tag: 'Inventory',
    access: 'viewer',
    summary: 'List containers of all hosts',
    description:
      'Returns containers with their host’s freshness, filtered and sorted; by default, those that are present. ' +
      'Sorting by `state` or `changedAt` requires `hostId`. `q` matches a part of the name, image or command, or the ' +
      'beginning of `dockerId`; with fewer than 3 characters, it matches the beginning of the name or of `dockerId`. A ' +
      'page may hold fewer than `limit` items, and only a null `nextCursor` marks the end. A page with `incomplete: ' +
      'true` ended because finding more matches would have taken too long.',
    query: ContainerQuery,
    answers: { 200: ContainerPage },
  },
  getContainer: {
    method: 'GET',
    path: Paths.hostContainer,
    tag: 'Inventory',
    access: 'viewer',
    summary: 'Get a container',
    description:
      'Returns one container of a host, present or removed. Removed containers are kept for 7 days, at most the ' +
      'latest 10,000 of each host. Fails with 404 if the host or container does not exist.',
    resource: 'container',
    params: z.object({ hostId: Id, dockerId: DockerId }),
    answers: { 200: ContainerView },
  },
  listEvents: {
    method: 'GET',
    path: Paths.events,
    tag: 'History',
    access: 'viewer',
    summary: 'List container events',
    description:
      'Returns the history of container changes, newest first. Events older than the retention period (90 days by ' +
      'default) are deleted.',
    query: EventQuery,
    answers: { 200: EventPage },
  },
  listAuditEntries: {
    method: 'GET',
    path: Paths.audit,
    tag: 'History',
    access: 'admin',
    summary: 'List audit log entries',
    description:
      'Returns the audit log, newest first: actions of operators, sign-ins and failed sign-ins, enrollments, and ' +
      'agents that left.',
    query: AuditQuery,
    answers: { 200: AuditEntryPage },
  },
  getAttention: {
    method: 'GET',
    path: Paths.attention,
    tag: 'Inventory',
    access: 'viewer',
    summary: 'List what needs attention',
    description:
      'Returns the hosts and the containers that have a problem now, grouped by problem, most severe first, with the ' +
      'parameters that list exactly the same hosts or containers. A container is in a crash loop if it exited with an ' +
      'error at least three times within the last hour.',
    answers: { 200: Attention },
  },
  getFleetMap: {
    method: 'GET',
    path: Paths.fleetMap,
    tag: 'Inventory',
    access: 'viewer',
    summary: 'Get a map of all hosts',
    description:
      'Returns the name, freshness, severity and number of unhealthy containers of every host, as arrays of equal ' +
      `length, sorted by name. Contains at most ${FLEET_MAP_HOSTS_MAX.toLocaleString('en')} hosts; \`total\` counts all.`,
    answers: { 200: FleetMap },
  },
  search: {
    method: 'GET',
    path: Paths.search,
    tag: 'Inventory',
    access: 'viewer',
    summary: 'Search hosts, containers, images and projects',
    description:
      'Returns the first matches of each kind, ignoring case: hosts by a part of their name or `engineId` or the ' +
      'beginning of their id, present containers by a part of their name, image or command or the beginning of their ' +
      '`dockerId`, and images and Compose projects by a part of their name.',
    query: SearchQuery,
    answers: { 200: SearchResult },
  },
  getSummary: {
    method: 'GET',
    path: Paths.summary,
    tag: 'Inventory',
    access: 'viewer',
    summary: 'Get counts of hosts and containers',
    description:
      'Returns counts of hosts by freshness, and of containers by state and health. Containers whose `hostFreshness` ' +
      'is not `online` are counted separately, as `lastKnown`.',
    answers: { 200: Summary },
  },
  ...InventoryOperations,
  exportContainers: {
    method: 'GET',
    path: Paths.exportContainers,
    tag: 'Exports',
    access: 'viewer',
    summary: 'Export containers as CSV or NDJSON',
    description:
      'Returns all containers that match the filters, in one file without pages. An operator can run 2 exports at ' +
      'a time; another one fails with 429. A server process can run 8; another one fails with 503.',
    query: ContainerExportQuery,
    answers: { 200: 'text/csv' },
  },
  exportEvents: {
    method: 'GET',
    path: Paths.exportEvents,
    tag: 'Exports',
    access: 'viewer',
    summary: 'Export events as CSV or NDJSON',
    description:
      'Returns all events that match the filters, in one file without pages. An operator can run 2 exports at a ' +
      'time; another one fails with 429. A server process can run 8; another one fails with 503.',
    query: EventExportQuery,
    answers: { 200: 'text/csv' },
  },
  stream: {
    method: 'GET',
    path: Paths.stream,
    tag: 'History',
    access: 'viewer',
    summary: 'Stream changes as server-sent events',
    description:
      'Sends container events as they are committed, and host and summary changes. The stream has no end; it is ' +
      'closed when the API key or session is no longer valid. An operator can have 1,000 open streams; another one ' +
      'fails with 429. A server process can have 5,000; another one fails with 503.',
    query: StreamQuery,
    answers: { 200: 'text/event-stream' },
  },
  getSignInOptions: {
    method: 'GET',
    path: Paths.signInOptions,
    tag: 'Accounts',
    access: 'anybody',
    summary: 'Get the available ways to sign in',
    description:
      'Returns whether the owner’s account must still be created, and the OpenID Connect provider if one is ' +
      'configured.',
    answers: { 200: SignInOptions },
  },
  startOidcSignIn: {
    method: 'GET',
    path: Paths.oidcSignIn,
    tag: 'Accounts',
    access: 'anybody',
    summary: 'Start a sign-in with the identity provider',
    description:
      'Redirects the browser to the OpenID Connect provider, or back to the sign-in page if the provider is ' +
      'unavailable. The attempt is valid for 10 minutes. Fails with 404 if no provider is configured.',
    query: OidcSignInQuery,
    answers: { 303: null },
    refusals: [ProblemTypes.notFound],
  },
  finishOidcSignIn: {
    method: 'GET',
    path: Paths.oidcCallback,
    tag: 'Accounts',
    access: 'anybody',
    summary: 'Complete a sign-in with the identity provider',
    description:
      'The redirect URI of the OpenID Connect provider. Sets the session cookie and redirects to the requested page. ' +
      'If the sign-in fails, redirects to the sign-in page with the reason in `why`. Fails with 404 if no provider ' +
      'is configured.',
    query: OidcCallbackQuery,
    opensSession: true,
    answers: { 303: null },
    refusals: [ProblemTypes.notFound],
  },
  setUp: {
    method: 'POST',
    path: Paths.setup,
    tag: 'Accounts',
    access: 'anybody',
    summary: 'Create the owner’s account',
    description:
      'Creates the first account with the token of the one-time setup link, and signs it in. Sets the session ' +
      'cookie. Fails with 403 if a browser calls it from a page that is not Muster’s own. Fails with 401 if the ' +
      'token is not valid or has expired: restart Muster for a new link.',
    body: SetupRequest,
    opensSession: true,
    answers: { 201: Session },
    refusals: [ProblemTypes.tokenInvalid, ProblemTypes.forbidden],
  },
  signIn: {
    method: 'POST',
    path: Paths.session,
    tag: 'Accounts',
    access: 'anybody',
    summary: 'Sign in with email address and password',
    description:
      'Creates a session and sets its cookie. Fails with 403 if a browser calls it from a page that is not ' +
      'Muster’s own. Fails with 401 if the email address or the password is wrong, and with 429 after too many ' +
      'attempts.',
    body: SignInRequest,
    opensSession: true,
    answers: { 201: Session },
    refusals: [ProblemTypes.credentialsInvalid, ProblemTypes.forbidden],
  },
  getSession: {
    method: 'GET',
    path: Paths.session,
    tag: 'Accounts',
    access: 'viewer',
    summary: 'Get the current caller',
    description:
      'Returns the user or API key that makes this call, its role and organization, and when the session or key ' +
      'expires.',
    noStore: true,
    answers: { 200: Session },
  },
  signOut: {
    method: 'DELETE',
    path: Paths.session,
    tag: 'Accounts',
    access: 'user',
    summary: 'Sign out',
    description: 'Ends the session of this request and deletes its cookie.',
    answers: { 204: null },
  },
  listSessions: {
    method: 'GET',
    path: Paths.sessions,
    tag: 'Accounts',
    access: 'user',
    summary: 'List my sessions',
    description: 'Returns the caller’s active sessions, latest sign-in first, at most 200.',
    answers: { 200: SessionList },
  },
  endSession: {
    method: 'DELETE',
    path: Paths.sessionItem,
    tag: 'Accounts',
    access: 'user',
    summary: 'End one of my sessions',
    description: 'Signs the caller out of one session. Fails with 404 if the caller has no such session.',
    resource: 'session',
    params: z.object({ sessionId: Id }),
    answers: { 204: null },
  },
  endSessions: {
    method: 'DELETE',
    path: Paths.sessions,
    tag: 'Accounts',
    access: 'user',
    summary: 'End all of my sessions',
    description: 'Signs the caller out everywhere, including the session of this request.',
    answers: { 204: null },
  },
  changePassword: {
    method: 'PUT',
    path: Paths.password,
    tag: 'Accounts',
    access: 'user',
    summary: 'Change my password',
    description:
      'Changes the caller’s password and ends all of the caller’s other sessions. Fails with 400 if ' +
      '`currentPassword` is wrong, with 409 if the account has no password because it signs in through the identity ' +
      'provider, and with 429 after too many attempts.',
    body: PasswordChange,
    answers: { 204: null },
    refusals: [ProblemTypes.conflict],
  },
  listMembers: {
    method: 'GET',
    path: Paths.members,
    tag: 'Accounts',
    access: 'viewer',
    summary: 'List members',
    description: 'Returns the members of the organization, in the order in which they joined.',
    query: PageQuery,
    answers: { 200: MemberPage },
  },
  changeMember: {
    method: 'PATCH',
    path: Paths.member,
    tag: 'Accounts',
    access: 'owner',
    summary: 'Change a member’s role',
    description:
      'Returns the changed member. A member who becomes a viewer loses the admin API keys and enrollment tokens ' +
      'that they created, unless `keepCredentials` is true. If an owner gets another role, the pending invitations ' +
      'that they created are revoked. Fails with 404 if the organization has no such member, and with 409 if no ' +
      'owner would remain.',
    resource: 'member',
    params: z.object({ userId: Id }),
    query: MemberCredentialsQuery,
    body: MemberPatch,
    answers: { 200: Member },
    refusals: [ProblemTypes.conflict],
  },
  removeMember: {
    method: 'DELETE',
    path: Paths.member,
    tag: 'Accounts',
    access: 'owner',
    summary: 'Remove a member',
    description:
      'Ends the member’s sessions, deletes their ways to sign in and revokes the pending invitations that they ' +
      'created. API keys and enrollment tokens that they created are revoked, unless `keepCredentials` is true. ' +
      'Fails with 404 if the organization has no such member, and with 409 if no owner would remain.',
    resource: 'member',
    params: z.object({ userId: Id }),
    query: MemberCredentialsQuery,
    answers: { 204: null },
    refusals: [ProblemTypes.conflict],
  },
  listInvitations: {
    method: 'GET',
    path: Paths.invitations,
    tag: 'Accounts',
    access: 'admin',
    summary: 'List pending invitations',
    description: 'Returns the invitations that are neither accepted nor revoked nor expired, without their links.',
    query: PageQuery,
    answers: { 200: InvitationPage },
  },
  invite: {
    method: 'POST',
    path: Paths.invitations,
    tag: 'Accounts',
    access: 'owner',
    summary: 'Create an invitation',
    description:
      'Creates a link for one person to join the organization, valid for 7 days, and returns it only here; Muster ' +
      'sends no email. An earlier invitation of the same email address is replaced. Fails with 409 if a member has ' +
      'this email address.',
    body: InvitationRequest,
    answers: { 201: InvitationCreated },
    refusals: [ProblemTypes.conflict],
  },
  revokeInvitation: {
    method: 'DELETE',
    path: Paths.invitation,
    tag: 'Accounts',
    access: 'owner',
    summary: 'Revoke an invitation',
    description: 'The link can no longer be used. Fails with 404 if the organization has no such invitation.',
    resource: 'invitation',
    params: z.object({ invitationId: Id }),
    answers: { 204: null },
  },
  getInvitationOffer: {
    method: 'POST',
    path: Paths.invitationOffer,
    tag: 'Accounts',
    access: 'anybody',
    summary: 'Get the details of an invitation',
    description:
      'Returns the email address, organization and role of an invitation. Fails with 401 if the invitation was used ' +
      'or revoked, or has expired.',
    body: InvitationOfferRequest,
    answers: { 200: InvitationOffer },
    refusals: [ProblemTypes.tokenInvalid],
  },
  acceptInvitation: {
    method: 'POST',
    path: Paths.invitationAcceptance,
    tag: 'Accounts',
    access: 'anybody',
    summary: 'Accept an invitation',
    description:
      'Creates the invited person’s account and signs it in. Sets the session cookie. Fails with 403 if a browser ' +
      'calls it from a page that is not Muster’s own. Fails with 401 if the invitation was used or revoked, or has ' +
      'expired, and with 409 if a member has its email address.',
    body: InvitationAcceptance,
    opensSession: true,
    answers: { 201: Session },
    refusals: [ProblemTypes.tokenInvalid, ProblemTypes.forbidden, ProblemTypes.conflict],
  },
  listApiKeys: {
    method: 'GET',
    path: Paths.apiKeys,
    tag: 'Accounts',
    access: 'admin',
    summary: 'List API keys',
    description:
      'Returns the organization’s API keys without their secrets, newest first, including expired and revoked ones.',
    query: PageQuery,
    answers: { 200: ApiKeyPage },
  },
  createApiKey: {
    method: 'POST',
    path: Paths.apiKeys,
    tag: 'Accounts',
    access: 'admin',
    summary: 'Create an API key',
    description:
      'Creates a key with the role `viewer` (default) or `admin`. The secret is returned only here. Fails with 400 ' +
      'if `expiresAt` is not in the future, or if the key would outlive the API key that creates it.',
    body: ApiKeyRequest,
    answers: { 201: ApiKeyCreated },
  },
  revokeApiKey: {
    method: 'DELETE',
    path: Paths.apiKey,
    tag: 'Accounts',
    access: 'admin',
    summary: 'Revoke an API key',
    description:
      'The next call with the key fails; its open streams and exports end within 5 seconds. The key cannot be ' +
      'restored. Revoking a revoked key succeeds. Fails with 404 if the organization has no such key.',
    resource: 'API key',
    params: z.object({ apiKeyId: Id }),
    answers: { 204: null },
  },
  isAlive: {
    method: 'GET',
    path: Paths.health,
    tag: 'Service',
    access: 'anybody',
    summary: 'Liveness check',
    description: 'Returns 200 while the process is running. Does not check the database.',
    answers: { 200: Liveness },
  },
  isReady: {
    method: 'GET',
    path: Paths.ready,
    tag: 'Service',
    access: 'anybody',
    summary: 'Readiness check',
    description:
      'Returns 200 if the process can serve requests: the database is reachable and writable, and the process is not ' +
      'shutting down. Otherwise 503.',
    answers: { 200: Readiness },
    refusals: [ProblemTypes.unavailable],
  },
  getMetrics: {
    method: 'GET',
    path: Paths.metrics,
    tag: 'Service',
    access: 'metrics',
    summary: 'Get metrics for Prometheus',
    description:
      'Returns the metrics of this process, and counts of the hosts and containers of all organizations, in ' +
      'Prometheus text format.',
    answers: { 200: 'text/plain' },
  },
  getInstallScript: {
    method: 'GET',
    path: Paths.installScript,
    tag: 'Service',
    access: 'anybody',
    summary: 'Get the agent’s install script',
    description:
      'Returns a shell script that installs the agent from this server. Fails with 404 if the server has no agent ' +
      'release.',
    answers: { 200: 'text/x-shellscript' },
    refusals: [ProblemTypes.notFound],
  },
  getAgentRelease: {
    method: 'GET',
    path: Paths.agentRelease,
    tag: 'Service',
    access: 'anybody',
    summary: 'Download a file of the agent release',
    description:
      'Returns an executable for one architecture, the checksums or the software bill of materials. Fails with 404 ' +
      'if the release has no such file, and with 429 if too many downloads to one address are in progress.',
    resource: 'agent release file',
    params: z.object({ file: z.string() }),
    answers: { 200: 'application/octet-stream' },
  },
  getOpenApi: {
    method: 'GET',
    path: Paths.openApi,
    tag: 'Service',
    access: 'anybody',
    summary: 'Get this OpenAPI document',
    description: 'Returns this document as JSON.',
    answers: { 200: 'application/json' },
  },
} as const satisfies Record<string, Operation>;
export type OperationName = keyof typeof Operations;
