import { CADENCE_DEFAULT, type Cadence } from '@muster/contracts';
import type { Database } from '@muster/db';
import { randomBytes } from 'node:crypto';
import express, { type Express } from 'express';
import { pino, type Logger } from 'pino';
import { wireAccounts, type OidcOptions } from './routes/accounts.js';
import { seldom } from './lib/log-throttle.js';
import { noteRefusedCalls } from './http/auth.js';
import { closeWhenDraining } from './http/close-when-draining.js';
import { createAgentLimits } from './http/limit-agents.js';
import { guardMetrics, type MetricsWithoutToken } from './http/guard-metrics.js';
import { limitEnrollments } from './http/limit-enrollments.js';
import { limitFailures } from './http/limit-failures.js';
import { measureRequests } from './http/measure-requests.js';
import { methodNotAllowed, refuseOptions } from './http/method-not-allowed.js';
import { handleErrors, NO_STORE, notFound } from './http/problem.js';
import { requireProtocol } from './http/protocol.js';
import { requestLog } from './http/request-log.js';
import { STALLED_MS_MAX } from './http/stalled-readers.js';
import { securityHeaders } from './http/security-headers.js';
import { createAgentReleaseRouter } from './routes/agent-release.js';
import { createAgentRouter } from './routes/agent.js';
import { createContainerRouter } from './routes/containers.js';
import { createDocumentationRouter } from './routes/documentation.js';
import { createEnrollmentTokenRouter } from './routes/enrollment-tokens.js';
import { createExportRouter } from './routes/exports.js';
import { createHealthRouter } from './routes/health.js';
import { createHistoryRouter } from './routes/history.js';
import { createHostRouter } from './routes/hosts.js';
import { createInventoryRouter } from './routes/inventory.js';
import { createMetricsRouter } from './routes/metrics.js';
import { createStreamRouter, type StreamRouterParts } from './routes/stream.js';
import { createWebRouter } from './routes/web.js';
import { createAgentReleaseService, type AgentReleaseService } from './services/delivery/agent-release.js';
import { createAgentTokenCache } from './services/enrollment/agent-token-cache.js';
import { createAgentTokenService } from './services/enrollment/agent-token.js';
import { createAuditReader } from './services/audit/audit-reader.js';
import { createContainerReader } from './services/inventory/container-reader.js';
import { createContainerService, SNAPSHOT_MEMORY_BYTES_DEFAULT } from './services/container.js';
import { addClockMetrics } from './services/maintenance/database-clock.js';
import { createEnrollmentTokenService } from './services/enrollment/enrollment-token.js';
import { createEnrollmentService } from './services/enrollment/enrollment.js';
import { createEventReader } from './services/inventory/event-reader.js';
import { createExportService } from './services/inventory/export.js';
import { addFleetMetrics } from './services/metrics/fleet-metrics.js';
import { createFreshnessContext } from './services/freshness/freshness-context.js';
import { createHeartbeatService } from './services/sync/heartbeat.js';
import { createSnapshotRefusals } from './services/host-problems/snapshot-refusals.js';
import { createHostReader } from './services/inventory/host-reader.js';
import { createHostReports } from './services/sync/host-reports.js';
import { createHostService } from './services/hosts/host-management.js';
import { createImageReader } from './services/inventory/image-reader.js';
import { addFeedMetrics } from './services/live/feed-metrics.js';
import { createLiveFeed, type LiveFeedOptions } from './services/live/live-feed.js';
import { createLiveHosts } from './services/live/live-hosts.js';
import { createLiveStream, type LiveStreamOptions } from './services/live/live-stream.js';
import { createLivenessService } from './services/freshness/liveness.js';
import { createMetrics, type Metrics } from './services/metrics/metrics.js';
import { createPortReader } from './services/inventory/port-reader.js';
import { createProjectReader } from './services/inventory/project-reader.js';
import { createSummaryReader } from './services/inventory/summary-reader.js';
import { findRevokedTokens } from './services/enrollment/find-revoked-tokens.sql.js';

export interface AppParts {
  db: Database;
  /** Silent unless given. */
  logger?: Logger;
  /** The pace asked of agents. */
  cadence?: Cadence;
  /** Bytes of hosts' last snapshots to remember; see `ContainerServiceOptions`. */
  snapshotMemoryBytesMax?: number;
  /** Requests that one host's agent may make in a minute, of which a snapshot counts as several; 0: any number. */
  agentRequestsPerMinute?: number;
  /** Requests without good credentials that one address may make in a minute before they are slowed; 0: any number. */
  authFailuresPerMinute?: number;
  /** Tries to prove a password that one address may make in a minute, twice what one account may see; 0: any number. */
  signInsPerMinute?: number;
  /** An identity provider that people sign in at, too. */
  oidc?: OidcOptions | null;
  /** Which proxies are believed about a caller's address, in Express's terms. */
  trustProxy?: false | number | string[];
  /** Where agents and browsers reach this, without a path; by https, browsers are told to use nothing else. */
  publicUrl?: string;
  /** Signs cookies: equal in all processes on one database. Random unless given, and then gone with the process. */
  secret?: string;
  /** Where the built dashboard lies, or will; without it, the API is alone. */
  webDir?: string;
  /** The pace of the live stream. */
  stream?: Pick<
    LiveStreamOptions,
    'feedIntervalMs' | 'hostsIntervalMs' | 'listenersMax' | 'laggingMs' | 'positionIntervalMs'
  > &
    Pick<StreamRouterParts, 'recheckMs' | 'operatorListenersMax'> &
    Pick<LiveFeedOptions, 'missedEventsMax'>;
  /** What is counted; of its own by default. */
  metrics?: Metrics;
  /** The bearer token that reads the metrics; null: see `metricsWithoutToken`. */
  metricsToken?: string | null;
  /** Milliseconds in which a client must take some of a long answer; the usual ones by default. */
  stalledMsMax?: number;
  /** Who reads the metrics where there is no token. */
  metricsWithoutToken?: MetricsWithoutToken;
  /** What everything is stored and judged by. `main.ts` gives the database's clock; by default, this process's. */
  now?: () => Date;
  /** Milliseconds by which this process's wall clock is ahead of `now`. */
  skewMs?: () => number;
  /** Milliseconds of a clock that is never set: what limits are counted by. */
  elapsedMs?: () => number;
  /** What hands out the agent; absent: this API has none. */
  agentRelease?: AgentReleaseService;
  /** True once the process takes its leave: `/readyz` answers 503 and connections are closed after their answer. */
  isDraining?: () => boolean;
}

/** Milliseconds between two log lines about looks that failed. */
const TELL_INTERVAL_MS = 5_000;

const PUBLIC_URL_DEFAULT = 'http://127.0.0.1:3000';

/** Wires the application. It opens nothing and starts nothing: the database is open, and the caller listens. */
export function createApp({
  db,
  logger = pino({ level: 'silent' }),
  cadence = CADENCE_DEFAULT,
  snapshotMemoryBytesMax = SNAPSHOT_MEMORY_BYTES_DEFAULT,
  agentRequestsPerMinute = 0,
  authFailuresPerMinute = 0,
  signInsPerMinute = 0,
  oidc = null,
  trustProxy = false,
  publicUrl = PUBLIC_URL_DEFAULT,
  secret = randomBytes(32).toString('base64url'),
  webDir,
  stream = {},
  metrics = createMetrics(),
  metricsToken = null,
  stalledMsMax = STALLED_MS_MAX,
  metricsWithoutToken = 'this machine',
  now = () => new Date(),
  skewMs = () => 0,
  elapsedMs = () => performance.now(),
  agentRelease = createAgentReleaseService(null, () => ''),
  isDraining = () => false,
}: AppParts): Express {
  const options = { now, cadence };
  const reports = createHostReports(db);
  const freshnessContext = createFreshnessContext(db, createLivenessService(db, options), options);

  addClockMetrics(metrics.registry, skewMs);
  addFleetMetrics(metrics.registry, {
    ...{ db, freshnessContext, elapsedMs },
    onFailure: (error) => logger.warn({ err: error }, 'the fleet could not be counted for the metrics'),
  });

  const tellOfLooks = seldom(TELL_INTERVAL_MS, elapsedMs);
  const tokenCache = createAgentTokenCache({
    elapsedMs,
    findRevoked: (horizon) => findRevokedTokens(db, horizon),
    onLookFailed: (error) =>
      tellOfLooks((failed) => logger.warn({ err: error, failed }, 'no look at which tokens were revoked')),
    onDiscarded: () =>
      logger.warn('the database lost a part of its history, or was restarted: cached agent tokens were discarded'),
  });
  const agentTokens = createAgentTokenService(db, { ...options, elapsedMs, cache: tokenCache });

  const accounts = wireAccounts(db, { publicUrl, secret, signInsPerMinute, oidc, logger, now, skewMs, elapsedMs });
  const { auth } = accounts;

  const hosts = createHostReader(db, freshnessContext);
  const containers = createContainerReader(db, freshnessContext);
  const events = createEventReader(db);
  const summaries = createSummaryReader(db, freshnessContext);

  const live = createLiveStream(
    {
      feed: createLiveFeed(db, { ...options, ...stream }),
      hosts: createLiveHosts(db, hosts, freshnessContext),
      summaries,
    },
    { logger, isDraining, now, elapsedMs, ...stream },
  );
  addFeedMetrics(metrics.registry, {
    ...{ db, now, unreadMs: () => live.unreadMs() },
    onFailure: (error) => logger.warn({ err: error }, 'cannot measure how late the live stream is'),
  });

  // Routes are tried one after the other: what a whole fleet calls comes first.
  const routers = [
    createAgentRouter({
      agentTokens,
      containers: createContainerService(db, { ...options, reports, memoryBytesMax: snapshotMemoryBytesMax }),
      enrollment: createEnrollmentService(db, { ...options, tokenCache }),
      heartbeats: createHeartbeatService(db, { ...options, reports }),
      refusals: createSnapshotRefusals(db, {
        now,
        logFailure: (error) => logger.warn({ err: error }, 'could not record that a snapshot was refused'),
      }),
      cadence,
      noteSnapshot: (summary) => metrics.noteSnapshot(summary),
      enrollmentLimit: limitEnrollments(elapsedMs),
      limits: createAgentLimits({
        ...{ perMinute: agentRequestsPerMinute, elapsedMs },
        retryAfterMsMax: cadence.heartbeatSeconds * 1_000,
      }),
    }),
    createHealthRouter(db, isDraining, elapsedMs),
    createHostRouter({ auth, reader: hosts, hosts: createHostService(db, hosts, { ...options, tokenCache }) }),
    createContainerRouter({ auth, containers }),
    createInventoryRouter({
      auth,
      summaries,
      images: createImageReader(db),
      ports: createPortReader(db, freshnessContext),
      projects: createProjectReader(db, freshnessContext),
    }),
    createStreamRouter({ auth, live, stalledMsMax, ...stream }),
    createHistoryRouter({ auth, audit: createAuditReader(db), events }),
    createExportRouter({
      ...{ auth, exports: createExportService({ containers, events }), stalledMsMax },
      recheckMs: stream.recheckMs,
    }),
    createEnrollmentTokenRouter({ auth, enrollmentTokens: createEnrollmentTokenService(db, options) }),
    ...accounts.routers,
    createDocumentationRouter(),
    createMetricsRouter({ guard: guardMetrics(metricsToken, metricsWithoutToken), metrics }),
    createAgentReleaseRouter(agentRelease, stalledMsMax),
  ];

  const app = express();
  app.disable('x-powered-by');
  app.set('etag', 'strong');
  app.set('query parser', 'simple');
  app.set('trust proxy', trustProxy);
  app.use(
    requestLog(logger),
    measureRequests(metrics),
    securityHeaders({ https: publicUrl.startsWith('https:') }),
    closeWhenDraining(isDraining),
  );
  app.use((_req, res, next) => {
    // Whatever is not said to be kept is not kept.
    res.set('Cache-Control', NO_STORE);
    next();
  });
  app.use(requireProtocol, refuseOptions(routers));
  app.use(...routers, methodNotAllowed(routers));
  if (webDir !== undefined) app.use(createWebRouter(webDir, stalledMsMax));
  app.use(notFound);
  app.use(noteRefusedCalls(agentTokens), limitFailures(authFailuresPerMinute, elapsedMs), handleErrors(logger));
  return app;
}
