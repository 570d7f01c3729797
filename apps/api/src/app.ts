import { CADENCE_DEFAULT, type Cadence } from '@muster/contracts';
import type { Database } from '@muster/db';
import { randomBytes } from 'node:crypto';
import express, { type Express } from 'express';
import { pino, type Logger } from 'pino';
import { admit, ADMISSION_DEFAULT, type AdmissionOptions } from './middleware/admit.js';
import { noteRefusedCalls, requireOperatorAuth, requireUserAuth } from './middleware/auth.js';
import { closeWhenDraining } from './middleware/close-when-draining.js';
import { limitAgents } from './middleware/limit-agents.js';
import { limitFailures } from './middleware/limit-failures.js';
import { methodNotAllowed, refuseOptions } from './middleware/method-not-allowed.js';
import { handleErrors, notFound } from './middleware/problem.js';
import { requireProtocol } from './middleware/protocol.js';
import { requestLog } from './middleware/request-log.js';
import { refuseOtherSites } from './middleware/same-origin.js';
import { securityHeaders } from './middleware/security-headers.js';
import { createAgentReleaseRouter } from './routes/agent-release.js';
import { createAgentRouter } from './routes/agent.js';
import { createContainerRouter } from './routes/containers.js';
import { createDocumentationRouter } from './routes/documentation.js';
import { createEnrollmentTokenRouter } from './routes/enrollment-tokens.js';
import { createHealthRouter } from './routes/health.js';
import { createHistoryRouter } from './routes/history.js';
import { createHostRouter } from './routes/hosts.js';
import { createInventoryRouter } from './routes/inventory.js';
import { createSessionRouter } from './routes/session.js';
import { createWebRouter } from './routes/web.js';
import { createBetterAuth, sessionCookieName } from './services/accounts/better-auth.js';
import { createSessionService } from './services/accounts/sessions.js';
import { createSetupTokens } from './services/accounts/setup-tokens.js';
import { createSetupService } from './services/accounts/setup.js';
import { createAgentReleaseService, type AgentReleaseService } from './services/agent-release.js';
import { createStreamRouter, type StreamRouterParts } from './routes/stream.js';
import { createAgentTokenCache } from './services/agent-token-cache.js';
import { createAgentTokenService } from './services/agent-token.js';
import { createApiKeyService } from './services/api-key.js';
import { createAuditReader } from './services/audit-reader.js';
import { createContainerReader } from './services/container-reader.js';
import { createContainerService, SNAPSHOT_MEMORY_BYTES_DEFAULT } from './services/container.js';
import { createEnrollmentTokenService } from './services/enrollment-token.js';
import { createEnrollmentService } from './services/enrollment.js';
import { createEventReader } from './services/event-reader.js';
import { createFreshnessContext } from './services/freshness-context.js';
import { createHeartbeatService } from './services/heartbeat.js';
import { createHostReader } from './services/host-reader.js';
import { createHostReports } from './services/host-reports.js';
import { createHostService } from './services/host.js';
import { createImageReader } from './services/image-reader.js';
import { createLiveFeed, type LiveFeedOptions } from './services/live-feed.js';
import { createLiveHosts } from './services/live-hosts.js';
import { createLiveStream, type LiveStreamOptions } from './services/live-stream.js';
import { createLivenessService } from './services/liveness.js';
import { createPortReader } from './services/port-reader.js';
import { createProjectReader } from './services/project-reader.js';
import { createSummaryReader } from './services/summary-reader.js';

export interface AppParts {
  db: Database;
  /** Silent unless given. */
  logger?: Logger;
  /** The pace asked of agents. */
  cadence?: Cadence;
  /** Bytes of hosts' last snapshots to remember; see `ContainerServiceOptions`. */
  snapshotMemoryBytesMax?: number;
  /** Requests that one host's agent may make in a minute; 0: any number. */
  agentRequestsPerMinute?: number;
  /** Requests without good credentials that one address may make in a minute before they are slowed; 0: any number. */
  authFailuresPerMinute?: number;
  /** Which proxies are believed about a caller's address, in Express's terms. */
  trustProxy?: false | number | string[];
  /** What is worked on, and kept of bodies, at once; the rest is turned away. */
  admission?: AdmissionOptions;
  /** Where agents and browsers reach this, without a path; by https, browsers are told to use nothing else. */
  publicUrl?: string;
  /** Signs cookies: equal in all processes on one database. Random unless given, and then gone with the process. */
  secret?: string;
  /** Where the built dashboard lies, or will; without it, the API is alone. */
  webDir?: string;
  /** The pace of the live stream. */
  stream?: Pick<LiveStreamOptions, 'feedIntervalMs' | 'hostsIntervalMs' | 'listenersMax'> &
    Pick<StreamRouterParts, 'recheckMs'> &
    Pick<LiveFeedOptions, 'missedEventsMax'>;
  now?: () => Date;
  /** Milliseconds of a clock that is never set: what limits are counted by. */
  elapsedMs?: () => number;
  /** What hands out the agent; absent: this API has none. */
  agentRelease?: AgentReleaseService;
  /** True once the process takes its leave: `/readyz` answers 503 and connections are closed after their answer. */
  isDraining?: () => boolean;
}

const PUBLIC_URL_DEFAULT = 'http://127.0.0.1:3000';

/** Wires the application. It opens nothing and starts nothing: the database is open, and the caller listens. */
export function createApp({
  db,
  logger = pino({ level: 'silent' }),
  cadence = CADENCE_DEFAULT,
  snapshotMemoryBytesMax = SNAPSHOT_MEMORY_BYTES_DEFAULT,
  agentRequestsPerMinute = 0,
  authFailuresPerMinute = 0,
  trustProxy = false,
  admission = ADMISSION_DEFAULT,
  publicUrl = PUBLIC_URL_DEFAULT,
  secret = randomBytes(32).toString('base64url'),
  webDir,
  stream = {},
  now = () => new Date(),
  elapsedMs = () => performance.now(),
  agentRelease = createAgentReleaseService(null, () => ''),
  isDraining = () => false,
}: AppParts): Express {
  const options = { now, cadence };
  const reports = createHostReports(db);
  const freshnessContext = createFreshnessContext(createLivenessService(db, options), options);

  const tokenCache = createAgentTokenCache(options);
  const agentTokens = createAgentTokenService(db, { ...options, cache: tokenCache });

  const sessions = createSessionService(db, {
    auth: createBetterAuth(db, { publicUrl, secret, logger, now }),
    cookieName: sessionCookieName(publicUrl),
    now,
  });
  const operatorAuth = { apiKeys: createApiKeyService(db, options), sessions, publicUrl };
  const auth = requireOperatorAuth(operatorAuth);
  const userAuth = requireUserAuth(operatorAuth);
  const hosts = createHostReader(db, freshnessContext);
  const summaries = createSummaryReader(db, freshnessContext);

  const live = createLiveStream(
    {
      feed: createLiveFeed(db, { ...options, ...stream }),
      hosts: createLiveHosts(db, hosts, freshnessContext),
      summaries,
    },
    { logger, isDraining, ...stream },
  );

  // Routes are tried one after the other: what a whole fleet calls comes first.
  const routers = [
    createAgentRouter({
      agentTokens,
      containers: createContainerService(db, { ...options, reports, memoryBytesMax: snapshotMemoryBytesMax }),
      enrollment: createEnrollmentService(db, { ...options, tokenCache }),
      heartbeats: createHeartbeatService(db, { ...options, reports }),
      cadence,
      agentLimit: limitAgents(agentRequestsPerMinute, elapsedMs),
    }),
    createHealthRouter(db, isDraining),
    createHostRouter({ auth, reader: hosts, hosts: createHostService(db, hosts, { ...options, tokenCache }) }),
    createContainerRouter({ auth, containers: createContainerReader(db, freshnessContext) }),
    createInventoryRouter({
      auth,
      summaries,
      images: createImageReader(db),
      ports: createPortReader(db, freshnessContext),
      projects: createProjectReader(db, freshnessContext),
    }),
    createStreamRouter({ auth, live, ...stream }),
    createHistoryRouter({ auth, audit: createAuditReader(db), events: createEventReader(db) }),
    createSessionRouter({
      ...{ auth, userAuth, ownPages: refuseOtherSites(publicUrl) },
      ...{ sessions, setup: createSetupService(db, { sessions, setupTokens: createSetupTokens(db, { now }), now }) },
    }),
    createEnrollmentTokenRouter({ auth, enrollmentTokens: createEnrollmentTokenService(db, options) }),
    createDocumentationRouter(),
    createAgentReleaseRouter(agentRelease),
  ];

  const app = express();
  app.set('etag', 'strong');
  app.set('query parser', 'simple');
  app.set('trust proxy', trustProxy);
  app.use(
    requestLog(logger),
    securityHeaders({ https: publicUrl.startsWith('https:') }),
    closeWhenDraining(isDraining),
  );
  app.use((_req, res, next) => {
    // Whatever is not said to be kept is not kept.
    res.set('Cache-Control', 'no-store');
    next();
  });
  app.use(requireProtocol, refuseOptions(routers), admit(admission, { logger, elapsedMs }));
  app.use(...routers, methodNotAllowed(routers));
  if (webDir !== undefined) app.use(createWebRouter(webDir));
  app.use(notFound);
  app.use(noteRefusedCalls(agentTokens), limitFailures(authFailuresPerMinute, elapsedMs), handleErrors(logger));
  return app;
}
