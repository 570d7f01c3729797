import { CADENCE_DEFAULT, type Cadence } from '@muster/contracts';
import type { Database } from '@muster/db';
import { randomBytes } from 'node:crypto';
import express, { type Express } from 'express';
import { pino, type Logger } from 'pino';
import { createAccountRouting, type OidcOptions } from './routes/accounts.js';
import { logThrottle } from './lib/log-throttle.js';
import { recordRefusedCalls } from './http/auth.js';
import { closeWhenDraining } from './http/close-when-draining.js';
import { createRefusalDelay } from './http/delay-refusals.js';
import { createAgentLimits } from './http/limit-agents.js';
import { requireMetricsAuth, type MetricsWithoutToken } from './http/require-metrics-auth.js';
import { createEnrollmentLimit } from './http/limit-enrollments.js';
import { limitAuthFailures } from './http/limit-auth-failures.js';
import { measureRequests } from './http/measure-requests.js';
import { methodNotAllowed, refuseOptionsMethod } from './http/method-not-allowed.js';
import { handleErrors, NO_STORE, notFound } from './http/problem.js';
import { checkHostAndExpect } from './http/host-and-expect.js';
import { requestLog } from './http/request-log.js';
import { STALLED_MS_MAX } from './http/close-if-reader-stalls.js';
import { securityHeaders } from './http/security-headers.js';
import { mountRoutes } from './http/route.js';
import { agentReleaseRoutes } from './routes/agent-release.js';
import { createAgentRouting } from './routes/agent.js';
import { availabilityRoutes } from './routes/availability.js';
import { containerRoutes } from './routes/containers.js';
import { documentationRoutes, serveSwaggerUi } from './routes/documentation.js';
import { enrollmentTokenRoutes } from './routes/enrollment-tokens.js';
import { exportRoutes } from './routes/exports.js';
import { healthRoutes } from './routes/health.js';
import { historyRoutes } from './routes/history.js';
import { hostRoutes } from './routes/hosts.js';
import { inventoryRoutes } from './routes/inventory.js';
import { metricsRoutes } from './routes/metrics.js';
import { systemRoutes } from './routes/system.js';
import { streamRoutes, type StreamRouteOptions } from './routes/stream.js';
import { createWebRouter } from './routes/web.js';
import { basePathOf } from './lib/base-path.js';
import { createAvailabilityService } from './services/availability/index.js';
import { createAgentReleaseService, type AgentReleaseService } from './services/agent-release/index.js';
import {
  createAgentTokenCache,
  createAgentTokenService,
  createEnrollmentService,
  findRevokedTokens,
} from './services/enrollment/index.js';
import {
  createContainerReader,
  createGetAttention,
  createGetFleetMap,
  createGetSummary,
} from './services/inventory/index.js';
import { createContainerService, SNAPSHOT_MEMORY_BYTES_DEFAULT } from './services/container.js';
import { addClockMetrics, EVENT_DAYS_DEFAULT } from './services/maintenance/index.js';
import { addFleetMetrics, addLabelMetrics, createMetrics, type Metrics } from './services/metrics/index.js';
import { createFreshnessContext, createLivenessService } from './services/freshness/index.js';
import { recordHostFacts } from './services/host-facts/index.js';
import {
  createHeartbeatService,
  createSnapshotRefusalRecorder,
  createHostReports,
  createUnsharedDigestSalts,
  type DigestSalts,
} from './services/sync/index.js';
import { createHostService } from './services/hosts/index.js';
import { addFeedMetrics, createLiveStream, type LiveStreamOptions } from './services/live/index.js';

export interface AppOptions {
  db: Database;
  /** Default: a silent logger. */
  logger?: Logger;
  /** The heartbeat and snapshot intervals that the API requests from agents. */
  cadence?: Cadence;
  /** Maximum memory for caching the hosts' last snapshots, in bytes. See `ContainerServiceOptions`. */
  snapshotMemoryBytesMax?: number;
  /**
   * Maximum number of calls that a host's agent may make per minute, not counting snapshots. Snapshots have separate
   * budgets that refill at this rate. 0: unlimited.
   */
  agentRequestsPerMinute?: number;
  /**
   * Maximum milliseconds that an agent's call waits for other calls of its host or with its enrollment token. Default:
   * 2 s for a host, and 10 s for an enrollment token.
   */
  agentWaitMsMax?: number;
  /**
   * Maximum number of requests without valid credentials that an address may send per minute. Further such requests get
   * 429. 0: unlimited.
   */
  authFailuresPerMinute?: number;
  /**
   * Maximum number of sign-in attempts per minute from one address. The limit for one account is half as high. 0:
   * unlimited.
   */
  signInsPerMinute?: number;
  /** An OpenID Connect provider that users can sign in with. */
  oidc?: OidcOptions | null;
  /** Express's `trust proxy` setting: the proxies whose forwarded client address is trusted. */
  trustProxy?: false | number | string[];
  /**
   * The URL at which agents and browsers reach this API. If it has a path, `removeBasePath` must remove the path from
   * requests. If the URL is https, responses contain the HSTS header.
   */
  publicUrl?: string;
  /**
   * The key that signs cookies. All processes on one database need the same key. The default is random, so cookies
   * become invalid when the process ends.
   */
  secret?: string;
  /** The directory of the built dashboard, which may not exist yet. Undefined: the API serves no dashboard. */
  webDir?: string;
  /** Intervals and limits of the live stream. */
  stream?: Pick<
    LiveStreamOptions,
    'feedIntervalMs' | 'hostsIntervalMs' | 'listenersMax' | 'laggingMs' | 'positionIntervalMs' | 'missedEventsMax'
  > &
    Pick<StreamRouteOptions, 'recheckMs' | 'operatorListenersMax'>;
  /**
   * The salts for the digests of snapshots. Replicas of different versions that share a database need shared salts. By
   * default, the salts are not shared.
   */
  digestSalts?: DigestSalts;
  /** The metrics registry. Default: a new registry. */
  metrics?: Metrics;
  /** The bearer token required to read the metrics. If it is null, `metricsWithoutToken` applies. */
  metricsToken?: string | null;
  /** The host labels by which hosts and containers are counted in the metrics. Default: none. */
  metricsHostLabels?: readonly string[];
  /**
   * A client that reads nothing of a long response for this many milliseconds is disconnected. Default:
   * `STALLED_MS_MAX`.
   */
  stalledMsMax?: number;
  /** Who may read the metrics if there is no token. */
  metricsWithoutToken?: MetricsWithoutToken;
  /**
   * The clock for all stored timestamps and decisions. `main.ts` passes the database's clock. Default: the clock of
   * this process.
   */
  now?: () => Date;
  /** Returns the milliseconds by which this process's wall clock is ahead of `now`. */
  skewMs?: () => number;
  /** Returns the milliseconds of a monotonic clock, for rate limits. */
  elapsedMs?: () => number;
  /** Serves the agent release for download. By default, this API has no agent release. */
  agentRelease?: AgentReleaseService;
  /**
   * Returns true once the process is shutting down. From then on, `/readyz` returns 503, and connections close after
   * their response.
   */
  isDraining?: () => boolean;
  /** Number of days for which events are kept; 0 keeps them forever. */
  eventDays?: number;
}

/** Minimum milliseconds between two log lines about failed revocation polls. */
const LOG_INTERVAL_MS = 5_000;

const PUBLIC_URL_DEFAULT = 'http://127.0.0.1:3000';

/** Wires the application. The caller passes an open database, and starts the server. */
export function createApp({
  db,
  logger = pino({ level: 'silent' }),
  cadence = CADENCE_DEFAULT,
  snapshotMemoryBytesMax = SNAPSHOT_MEMORY_BYTES_DEFAULT,
  agentRequestsPerMinute = 0,
  agentWaitMsMax,
  authFailuresPerMinute = 0,
  signInsPerMinute = 0,
  oidc = null,
  trustProxy = false,
  publicUrl = PUBLIC_URL_DEFAULT,
  secret = randomBytes(32).toString('base64url'),
  webDir,
  stream = {},
  digestSalts = createUnsharedDigestSalts(),
  metrics = createMetrics(),
  metricsToken = null,
  metricsHostLabels = [],
  stalledMsMax = STALLED_MS_MAX,
  metricsWithoutToken = 'this machine',
  now = () => new Date(),
  skewMs = () => 0,
  elapsedMs = () => performance.now(),
  agentRelease = createAgentReleaseService(null, { publicUrl: null, localUrl: publicUrl }),
  isDraining = () => false,
  eventDays = EVENT_DAYS_DEFAULT,
}: AppOptions): Express {
  const options = { now, cadence };
  const reports = createHostReports(db);
  const freshnessContext = createFreshnessContext(db, createLivenessService(db, options), options);

  addClockMetrics(metrics.registry, skewMs);
  const fleetMetrics = {
    ...{ db, freshnessContext, elapsedMs },
    onFailure: (error: unknown) => logger.warn({ err: error }, 'could not count the fleet for the metrics'),
  };
  addFleetMetrics(metrics.registry, fleetMetrics);
  addLabelMetrics(metrics.registry, fleetMetrics, metricsHostLabels);

  const throttled = logThrottle(LOG_INTERVAL_MS, elapsedMs);
  const tokenCache = createAgentTokenCache({
    elapsedMs,
    findRevoked: (horizon) => findRevokedTokens(db, horizon),
    onPollFailed: (error) =>
      throttled((failed) => logger.warn({ err: error, failed }, 'could not poll for revoked tokens')),
    onDiscarded: () =>
      logger.warn('the database was restarted or lost transactions: discarded all cached agent tokens'),
  });
  const agentTokens = createAgentTokenService(db, { ...options, elapsedMs, cache: tokenCache });

  const accounts = createAccountRouting(db, {
    publicUrl,
    secret,
    signInsPerMinute,
    oidc,
    logger,
    now,
    skewMs,
    elapsedMs,
  });

  const source = { db, freshnessContext };
  const containers = createContainerReader(db, freshnessContext);
  const getSummary = createGetSummary(source);

  const live = createLiveStream(source, getSummary, { logger, isDraining, now, elapsedMs, ...stream });
  addFeedMetrics(metrics.registry, {
    db,
    now,
    unreadMs: () => live.unreadMs(),
    onFailure: (error) => logger.warn({ err: error }, 'could not measure the lag of the live stream'),
  });

  const agentLimits = createAgentLimits({
    perMinute: agentRequestsPerMinute,
    elapsedMs,
    retryAfterMsMax: cadence.heartbeatSeconds * 1_000,
  });
  const agents = createAgentRouting({
    agentTokens,
    containers: createContainerService(db, { ...options, reports, memoryBytesMax: snapshotMemoryBytesMax }),
    digestSalts,
    enrollment: createEnrollmentService(db, { ...options, tokenCache }),
    heartbeats: createHeartbeatService(db, {
      ...options,
      reports,
      recordFacts: async (hostId, ...reported) => {
        const historyBytes = await recordHostFacts(db, hostId, ...reported, () => agentLimits.facts(hostId));
        agentLimits.chargeHistory(hostId, historyBytes);
      },
      logFactsFailure: (error) => logger.warn({ err: error }, 'could not store the facts about a host'),
    }),
    refusals: createSnapshotRefusalRecorder(db, {
      now,
      logFailure: (error) => logger.warn({ err: error }, 'could not record that a snapshot was refused'),
    }),
    cadence,
    recordSnapshot: (summary) => metrics.recordSnapshot(summary),
    enrollmentLimit: createEnrollmentLimit(elapsedMs),
    limits: agentLimits,
    waitMsMax: agentWaitMsMax,
    delayRefusal: createRefusalDelay(elapsedMs),
  });
  const guards = {
    ...agents.guards,
    ...accounts.guards,
    metrics: () => requireMetricsAuth(metricsToken, metricsWithoutToken),
  };

  // Express tries routes in order, so the routes that a whole fleet calls come first.
  const routes = [
    ...agents.routes,
    ...healthRoutes(db, isDraining, elapsedMs),
    ...hostRoutes(source, createHostService(source, { ...options, tokenCache }), agentRelease),
    ...availabilityRoutes(createAvailabilityService(source, { eventDays })),
    ...containerRoutes(containers),
    ...inventoryRoutes(source, containers, getSummary, createGetAttention(source), createGetFleetMap(source)),
    ...streamRoutes({ auth: accounts.auth, live, stalledMsMax, ...stream }),
    ...historyRoutes(db),
    ...exportRoutes({ auth: accounts.auth, db, containers, stalledMsMax, recheckMs: stream.recheckMs }),
    ...enrollmentTokenRoutes(db, now),
    ...accounts.routes,
    ...documentationRoutes(basePathOf(publicUrl)),
    ...metricsRoutes(metrics),
    ...systemRoutes(db, now),
    ...agentReleaseRoutes(agentRelease, stalledMsMax),
  ];

  const app = express();
  app.disable('x-powered-by');
  // ETags are weak, because the same response may be sent in several encodings, whose bytes differ (RFC 9110, 8.8.3).
  app.set('etag', 'weak');
  app.set('query parser', 'simple');
  app.set('trust proxy', trustProxy);
  app.use(
    requestLog(logger),
    measureRequests(metrics),
    securityHeaders({ isHttps: publicUrl.startsWith('https:') }),
    closeWhenDraining(isDraining),
  );
  app.use((_req, res, next) => {
    // Responses are not cacheable unless a route sets its own Cache-Control.
    res.set('Cache-Control', NO_STORE);
    next();
  });
  app.use(checkHostAndExpect, refuseOptionsMethod(routes));
  app.use(mountRoutes(routes, guards), serveSwaggerUi(), methodNotAllowed(routes));
  if (webDir !== undefined) app.use(createWebRouter(webDir, basePathOf(publicUrl), stalledMsMax));
  app.use(notFound);
  app.use(
    recordRefusedCalls(agentTokens),
    limitAuthFailures(authFailuresPerMinute, elapsedMs),
    handleErrors(logger, () => db.lacksIndexes(), elapsedMs),
  );
  return app;
}
