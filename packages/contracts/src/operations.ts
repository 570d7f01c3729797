import { z } from 'zod';
import {
  ApiKey,
  ApiKeyCreated,
  ApiKeyRequest,
  Invitation,
  InvitationAcceptance,
  InvitationCreated,
  InvitationOffer,
  InvitationRequest,
  Member,
  MemberPatch,
  PasswordChange,
  Session,
  SessionItem,
  SetupRequest,
  SignInOptions,
  SignInRequest,
} from './accounts.js';
import { EnrollRequest, EnrollResponse, TokenRotation } from './enrollment.js';
import { Heartbeat, HeartbeatResponse } from './heartbeat.js';
import { ImageInUse, Project, PublishedPort } from './inventory.js';
import {
  AuditEntry,
  ContainerEvent,
  ContainerView,
  EnrollmentToken,
  EnrollmentTokenCreated,
  EnrollmentTokenRequest,
  Host,
  HostPatch,
  page,
} from './operator.js';
import { Paths } from './paths.js';
import { ProblemTypes, type ProblemType } from './problem.js';
import {
  AuditQuery,
  ContainerExportQuery,
  ContainerQuery,
  EnrollmentTokenQuery,
  EventExportQuery,
  EventQuery,
  HostQuery,
  ImageQuery,
  InvitationOfferQuery,
  PageQuery,
  PortQuery,
  ProjectQuery,
  StreamQuery,
} from './queries.js';
import { HeartbeatHeaders, SnapshotHeaders } from './snapshot-headers.js';
import { Snapshot } from './snapshot.js';
import { Summary } from './summary.js';
import { SyncSummary } from './sync-summary.js';

/** Whose call it is: what the bearer token, or for operators the session's cookie, must be good for. */
export type Access = 'anybody' | 'enroll' | 'agent' | 'viewer' | 'admin' | 'owner' | 'user';

/** One call of the API. What is not JSON says its media type. */
export interface Operation {
  method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  path: (typeof Paths)[keyof typeof Paths];
  /** `viewer`: every operator; `user`: a person with a session, no key. */
  access: Access;
  summary: string;
  query?: z.ZodType;
  /** Headers that say something about the body, by their names in lower case. */
  headers?: z.ZodType;
  body?: z.ZodType;
  /** By status: the schema of a JSON body, null for none, or a media type for what is no JSON. */
  answers: Readonly<Record<number, z.ZodType | null | string>>;
  /** What it may refuse with, beside what follows from who may call it and from what it takes. */
  refusals?: readonly ProblemType[];
}

/** Every call of the API by its name: what documents it, calls it and tests it, all from here. */
export const Operations = {
  enroll: {
    method: 'POST',
    path: Paths.agentEnroll,
    access: 'enroll',
    summary: 'Enrol a host: get its agent token',
    body: EnrollRequest,
    answers: { 200: EnrollResponse, 201: EnrollResponse },
    refusals: [ProblemTypes.engineIdInUse],
  },
  reportContainers: {
    method: 'POST',
    path: Paths.agentContainers,
    access: 'agent',
    summary: "Post a snapshot of the host's containers",
    headers: SnapshotHeaders,
    body: Snapshot,
    answers: { 200: SyncSummary },
  },
  heartbeat: {
    method: 'POST',
    path: Paths.agentHeartbeat,
    access: 'agent',
    summary: 'Say that the host lives and nothing changed',
    headers: HeartbeatHeaders,
    body: Heartbeat,
    answers: { 200: HeartbeatResponse },
  },
  rotateAgentToken: {
    method: 'POST',
    path: Paths.agentToken,
    access: 'agent',
    summary: 'Get a new agent token; the old one lives until it is first used',
    answers: { 201: TokenRotation },
  },
  createEnrollmentToken: {
    method: 'POST',
    path: Paths.enrollmentTokens,
    access: 'admin',
    summary: 'Make an enrollment token',
    body: EnrollmentTokenRequest,
    answers: { 201: EnrollmentTokenCreated },
  },
  listEnrollmentTokens: {
    method: 'GET',
    path: Paths.enrollmentTokens,
    access: 'viewer',
    summary: 'Enrollment tokens, the newest first',
    query: EnrollmentTokenQuery,
    answers: { 200: page(EnrollmentToken) },
  },
  revokeEnrollmentToken: {
    method: 'DELETE',
    path: Paths.enrollmentToken,
    access: 'admin',
    summary: 'Revoke an enrollment token; hosts that it enrolled stay',
    answers: { 204: null },
  },
  listHosts: {
    method: 'GET',
    path: Paths.hosts,
    access: 'viewer',
    summary: 'Hosts, by name',
    query: HostQuery,
    answers: { 200: page(Host) },
  },
  getHost: {
    method: 'GET',
    path: Paths.host,
    access: 'viewer',
    summary: 'One host',
    answers: { 200: Host },
  },
  renameHost: {
    method: 'PATCH',
    path: Paths.host,
    access: 'admin',
    summary: 'Rename a host',
    body: HostPatch,
    answers: { 200: Host },
  },
  deleteHost: {
    method: 'DELETE',
    path: Paths.host,
    access: 'admin',
    summary: 'Revoke a host’s tokens, and forget it and its containers',
    answers: { 204: null },
  },
  listContainers: {
    method: 'GET',
    path: Paths.containers,
    access: 'viewer',
    summary: 'Containers of all hosts, filtered and in order',
    query: ContainerQuery,
    answers: { 200: page(ContainerView) },
  },
  getContainer: {
    method: 'GET',
    path: Paths.hostContainer,
    access: 'viewer',
    summary: 'One container, present or removed',
    answers: { 200: ContainerView },
  },
  listEvents: {
    method: 'GET',
    path: Paths.events,
    access: 'viewer',
    summary: 'What happened to containers, the newest first',
    query: EventQuery,
    answers: { 200: page(ContainerEvent) },
  },
  listAuditEntries: {
    method: 'GET',
    path: Paths.audit,
    access: 'admin',
    summary: 'What operators and enrolments did, the newest first',
    query: AuditQuery,
    answers: { 200: page(AuditEntry) },
  },
  getSummary: {
    method: 'GET',
    path: Paths.summary,
    access: 'viewer',
    summary: 'The fleet in numbers',
    answers: { 200: Summary },
  },
  listImages: {
    method: 'GET',
    path: Paths.images,
    access: 'viewer',
    summary: 'Images that present containers are of',
    query: ImageQuery,
    answers: { 200: page(ImageInUse) },
  },
  listPorts: {
    method: 'GET',
    path: Paths.ports,
    access: 'viewer',
    summary: 'Ports that present containers publish',
    query: PortQuery,
    answers: { 200: page(PublishedPort) },
  },
  listProjects: {
    method: 'GET',
    path: Paths.projects,
    access: 'viewer',
    summary: 'Compose projects, by host',
    query: ProjectQuery,
    answers: { 200: page(Project) },
  },
  exportContainers: {
    method: 'GET',
    path: Paths.exportContainers,
    access: 'viewer',
    summary: 'All containers that the filters find, as CSV or NDJSON',
    query: ContainerExportQuery,
    answers: { 200: 'text/csv' },
  },
  exportEvents: {
    method: 'GET',
    path: Paths.exportEvents,
    access: 'viewer',
    summary: 'All events that the filters find, as CSV or NDJSON',
    query: EventExportQuery,
    answers: { 200: 'text/csv' },
  },
  stream: {
    method: 'GET',
    path: Paths.stream,
    access: 'viewer',
    summary: 'Changes as they commit, as server-sent events',
    query: StreamQuery,
    answers: { 200: 'text/event-stream' },
  },
  getSignInOptions: {
    method: 'GET',
    path: Paths.signInOptions,
    access: 'anybody',
    summary: 'How people sign in here',
    answers: { 200: SignInOptions },
  },
  setUp: {
    method: 'POST',
    path: Paths.setup,
    access: 'anybody',
    summary: 'Make the owner, with the token of the one-time link',
    body: SetupRequest,
    answers: { 201: Session },
    refusals: [ProblemTypes.tokenInvalid, ProblemTypes.conflict],
  },
  signIn: {
    method: 'POST',
    path: Paths.session,
    access: 'anybody',
    summary: 'Sign in: the answer sets the session’s cookie',
    body: SignInRequest,
    answers: { 201: Session },
    refusals: [ProblemTypes.tokenInvalid],
  },
  getSession: {
    method: 'GET',
    path: Paths.session,
    access: 'viewer',
    summary: 'Who is asking, and what they may do',
    answers: { 200: Session },
  },
  signOut: {
    method: 'DELETE',
    path: Paths.session,
    access: 'user',
    summary: 'Sign out here',
    answers: { 204: null },
  },
  listSessions: {
    method: 'GET',
    path: Paths.sessions,
    access: 'user',
    summary: 'Where one is signed in',
    answers: { 200: z.object({ items: z.array(SessionItem) }) },
  },
  endSession: {
    method: 'DELETE',
    path: Paths.sessionItem,
    access: 'user',
    summary: 'Sign out there',
    answers: { 204: null },
  },
  endSessions: {
    method: 'DELETE',
    path: Paths.sessions,
    access: 'user',
    summary: 'Sign out everywhere, here too',
    answers: { 204: null },
  },
  changePassword: {
    method: 'PUT',
    path: Paths.password,
    access: 'user',
    summary: 'Change one’s password, and sign out everywhere else',
    body: PasswordChange,
    answers: { 204: null },
    refusals: [ProblemTypes.invalidRequest],
  },
  listMembers: {
    method: 'GET',
    path: Paths.members,
    access: 'viewer',
    summary: 'The people of the organization',
    query: PageQuery,
    answers: { 200: page(Member) },
  },
  changeMember: {
    method: 'PATCH',
    path: Paths.member,
    access: 'owner',
    summary: 'Give a member another role',
    body: MemberPatch,
    answers: { 200: Member },
    refusals: [ProblemTypes.conflict],
  },
  removeMember: {
    method: 'DELETE',
    path: Paths.member,
    access: 'owner',
    summary: 'Remove a member, and end their sessions',
    answers: { 204: null },
    refusals: [ProblemTypes.conflict],
  },
  listInvitations: {
    method: 'GET',
    path: Paths.invitations,
    access: 'admin',
    summary: 'Invitations that are open',
    query: PageQuery,
    answers: { 200: page(Invitation) },
  },
  invite: {
    method: 'POST',
    path: Paths.invitations,
    access: 'owner',
    summary: 'Make an invitation: a link to hand on',
    body: InvitationRequest,
    answers: { 201: InvitationCreated },
    refusals: [ProblemTypes.conflict],
  },
  revokeInvitation: {
    method: 'DELETE',
    path: Paths.invitation,
    access: 'owner',
    summary: 'Take an invitation back',
    answers: { 204: null },
  },
  getInvitationOffer: {
    method: 'GET',
    path: Paths.invitationOffer,
    access: 'anybody',
    summary: 'What an invitation’s link offers',
    query: InvitationOfferQuery,
    answers: { 200: InvitationOffer },
    refusals: [ProblemTypes.notFound],
  },
  acceptInvitation: {
    method: 'POST',
    path: Paths.invitationAcceptance,
    access: 'anybody',
    summary: 'Accept an invitation as a new user: the answer sets the session’s cookie',
    body: InvitationAcceptance,
    answers: { 201: Session },
    refusals: [ProblemTypes.notFound, ProblemTypes.conflict],
  },
  listApiKeys: {
    method: 'GET',
    path: Paths.apiKeys,
    access: 'admin',
    summary: 'API keys, the newest first',
    query: PageQuery,
    answers: { 200: page(ApiKey) },
  },
  createApiKey: {
    method: 'POST',
    path: Paths.apiKeys,
    access: 'admin',
    summary: 'Make an API key',
    body: ApiKeyRequest,
    answers: { 201: ApiKeyCreated },
  },
  revokeApiKey: {
    method: 'DELETE',
    path: Paths.apiKey,
    access: 'admin',
    summary: 'Revoke an API key',
    answers: { 204: null },
  },
  isAlive: {
    method: 'GET',
    path: Paths.health,
    access: 'anybody',
    summary: 'Whether the process lives',
    answers: { 200: z.object({ status: z.literal('ok') }) },
  },
  isReady: {
    method: 'GET',
    path: Paths.ready,
    access: 'anybody',
    summary: 'Whether the process takes calls: its database answers, and it is not draining',
    answers: { 200: z.object({ status: z.literal('ready') }) },
  },
  getMetrics: {
    method: 'GET',
    path: Paths.metrics,
    access: 'anybody',
    summary: 'Metrics for Prometheus',
    answers: { 200: 'text/plain' },
  },
  getOpenApi: {
    method: 'GET',
    path: Paths.openApi,
    access: 'anybody',
    summary: 'This document',
    answers: { 200: 'application/json' },
  },
} as const satisfies Record<string, Operation>;
export type OperationName = keyof typeof Operations;
