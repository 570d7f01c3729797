import { openDatabase, type Database } from '@muster/db';
import * as fs from 'node:fs';
import type { RequestListener } from 'node:http';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { setFlagsFromString } from 'node:v8';
import { pino, type Logger } from 'pino';
import { createApp } from './app.js';
import type { OidcOptions } from './routes/accounts.js';
import {
  startBackgroundTasks,
  createDatabaseClock,
  addRetentionMetrics,
  createRetentionService,
  RETENTION_LEASE,
} from './services/maintenance/index.js';
import { openLog } from './lib/log-destination.js';
import { loggableError } from './lib/loggable-error.js';
import { AGENT_RELEASE_DIR_DEFAULT, EnvError, parseEnv, type Env } from './env.js';
import {
  startBanner,
  deliverSecret,
  setupLink,
  type SecretDelivery,
  loadCookieSecret,
  issueSetupToken,
  ensureAdminKey,
} from './services/accounts/index.js';
import { createLease } from './lib/lease.js';
import { serve } from './http/server.js';
import { removeBasePath } from './http/base-path.js';
import { createAdmissionControl } from './http/admission-control.js';
import { createAgentReleaseService, startReleaseBuild, type ReleaseBuild } from './services/agent-release/index.js';
import { createFreshnessContext, createLivenessService } from './services/freshness/index.js';
import { createHostEventWriter, HOST_EVENTS_LEASE } from './services/host-events/index.js';
import { createMetrics } from './services/metrics/index.js';
import { createDigestSalts } from './services/sync/index.js';
import { createReplicaRecord, REPLICA_LISTED_MS } from './services/system/index.js';
import { CONTAINER_PARSER_VERSION, MUSTER_VERSION } from '@muster/contracts';

// By default, V8 lets a small heap grow to four times its live data before it collects garbage. This flag limits the
// heap to twice its live data, which costs a little CPU time and halves the heap's growth under overload.
setFlagsFromString('--heap-growing-percent=100');

/** The directory to which the package `@muster/web` builds the dashboard. The build may be missing. */
const webDir = fileURLToPath(new URL('.', import.meta.resolve('@muster/web/dist/index.html')));

// The banner goes to stdout and the log to stderr, so that each can be redirected separately.
async function main(env: Env): Promise<void> {
  // All files that this process creates contain secrets: the database, the admin key and the setup link.
  process.umask(0o077);
  const dataDir = resolve(env.MUSTER_DATA_DIR);
  const logger = pino({ level: env.LOG_LEVEL, serializers: { err: loggableError } }, openLog(2));
  const db = await openDatabase(env.DATABASE_URL === undefined ? { dataDir } : { url: env.DATABASE_URL }, {
    onMigrationWait: (wait) => logger.warn(wait, 'a migration is waiting for a table that is in use; retrying'),
  });

  try {
    await start(env, db, dataDir, logger);
  } catch (error) {
    await db.close();
    throw error;
  }
}

async function start(env: Env, db: Database, dataDir: string, logger: Logger): Promise<void> {
  let draining = false;
  const cadence = { heartbeatSeconds: env.MUSTER_HEARTBEAT_SECONDS, snapshotSeconds: env.MUSTER_SNAPSHOT_SECONDS };
  const clock = createDatabaseClock(db);
  await clock.start();
  const { now } = clock;
  const liveness = createLivenessService(db, { now, cadence });
  await liveness.recordLiveness();
  const replica = createReplicaRecord(db, { version: MUSTER_VERSION, parserVersion: CONTAINER_PARSER_VERSION, now });
  await replica.record();
  const digestSalts = createDigestSalts(db, { now, runningMs: REPLICA_LISTED_MS });
  await digestSalts.join();
  const snapshotMemoryBytesMax = env.MUSTER_SNAPSHOT_MEMORY_MIB * 1024 * 1024;
  const limits = {
    agentRequestsPerMinute: env.MUSTER_AGENT_REQUESTS_PER_MINUTE,
    authFailuresPerMinute: env.MUSTER_AUTH_FAILURES_PER_MINUTE,
    signInsPerMinute: env.MUSTER_SIGN_INS_PER_MINUTE,
    trustProxy: env.MUSTER_TRUST_PROXY,
  };
  const admission = {
    requestsInWorkMax: env.MUSTER_REQUESTS_IN_WORK_MAX,
    bodyBytesInWorkMax: env.MUSTER_BODY_MEMORY_MIB * 1024 * 1024,
  };
  // The server listens before the admin key is created, so that no key is created if the port is in use. Requests are
  // answered only after the key has been delivered, so that the operator has the key when the API is ready.
  let open: (handler: RequestListener) => void = () => undefined;
  const opened = new Promise<RequestListener>((resolve) => (open = resolve));
  const server = await serve(opened, { host: env.HOST, port: env.PORT, logger });
  const publicUrl = env.MUSTER_PUBLIC_URL ?? server.url;
  const secret = env.MUSTER_SECRET ?? (await loadCookieSecret(db));
  let releaseBuild: ReleaseBuild | null = null;
  const agentRelease = createAgentReleaseService(env.MUSTER_AGENT_RELEASE_DIR, {
    publicUrl: env.MUSTER_PUBLIC_URL ?? null,
    localUrl: server.url,
    buildState: () => releaseBuild?.state() ?? null,
    logger,
  });
  const metrics = createMetrics();
  metrics.registerProcessMetrics();
  const isDraining = () => draining;
  const app = createApp({
    db,
    logger,
    cadence,
    snapshotMemoryBytesMax,
    ...limits,
    digestSalts,
    agentRelease,
    webDir,
    metrics,
    metricsToken: env.MUSTER_METRICS_TOKEN ?? null,
    metricsHostLabels: env.MUSTER_METRICS_HOST_LABELS,
    metricsWithoutToken: env.MUSTER_PUBLIC_URL === undefined ? 'this machine' : 'no one',
    publicUrl,
    secret,
    oidc: oidcOf(env),
    isDraining,
    eventDays: env.MUSTER_EVENT_RETENTION_DAYS,
    now,
    skewMs: clock.skewMs,
  });
  const retention = createRetentionService(db, {
    now,
    skewMs: clock.skewMs,
    lease: createLease(db, RETENTION_LEASE),
    eventDays: env.MUSTER_EVENT_RETENTION_DAYS,
    onFailure: (step, error) => logger.warn({ err: error, step }, 'a retention step failed; the next run retries it'),
    onPaused: (skewMs) =>
      logger.warn(
        { skewMs },
        "retention is paused: this process's clock and the database's differ by more than a minute",
      ),
  });
  addRetentionMetrics(metrics.registry, retention);
  const hostEvents = createHostEventWriter(db, {
    now,
    freshnessContext: createFreshnessContext(db, liveness, { now, cadence }),
    lease: createLease(db, HOST_EVENTS_LEASE),
  });
  const tasks = { db, clock, liveness, replica, digestSalts, hostEvents, retention };
  const stopBackground = startBackgroundTasks(tasks, logger);

  const deliver = (kind: Parameters<typeof deliverSecret>[0], value: string) =>
    deliverSecret(kind, value, process.stdout.isTTY, dataDir);
  const deliveries: { adminKey: SecretDelivery | null; setup: SecretDelivery | null } = { adminKey: null, setup: null };
  const isAccepted = await ensureAdminKey(db, env.MUSTER_ADMIN_KEY ?? null, now(), async (key) => {
    deliveries.adminKey = await deliver('adminKey', key);
  });
  if (!isAccepted) logger.warn('MUSTER_ADMIN_KEY was revoked or replaced earlier and is not accepted: set a new key');
  await issueSetupToken(db, now(), async (token) => {
    deliveries.setup = await deliver('setupLink', setupLink(publicUrl, token));
  });
  const database = db.engine === 'pglite' ? `embedded, in ${dataDir}` : 'PostgreSQL';
  const stopIndexes = new AbortController();
  let indexes: Promise<void> = Promise.resolve();
  const shutDown = async (signal: NodeJS.Signals) => {
    if (draining) {
      // A terminal that closes sends SIGHUP twice, so a second SIGHUP is ignored. After any other second signal, the
      // process exits immediately, because the operator does not want to wait for the shutdown.
      if (signal === 'SIGHUP') return;
      process.exit(1);
    }
    draining = true;
    logger.info({ signal }, 'draining');
    releaseBuild?.stop();
    // Ctrl-C and a closed terminal exit without the load-balancer drain delay.
    await server.drain(signal === 'SIGTERM' ? env.MUSTER_DRAIN_SECONDS * 1000 : 0);
    stopIndexes.abort();
    await indexes;
    await stopBackground();
    await db.close();
    logger.info({ signal }, 'stopped');
  };
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) {
    process.on(signal, () => {
      shutDown(signal).catch((error: unknown) => fail(error));
    });
  }

  // Without this listener, a full disk or a closed pipe behind stdout would end the server with a stack trace.
  process.stdout.on('error', ({ code }: NodeJS.ErrnoException) =>
    logger.warn({ code }, 'stdout cannot be written, so the start banner is incomplete'),
  );
  process.stdout.write(`\n${startBanner({ url: publicUrl, database, ...deliveries })}\n`);
  open(removeBasePath(publicUrl, createAdmissionControl(app, admission, { logger, metrics, publicUrl, isDraining })));
  logger.info({ url: server.url }, 'listening');

  // A directory that the operator chose is not overwritten.
  const isDefaultDirectory = env.MUSTER_AGENT_RELEASE_DIR === AGENT_RELEASE_DIR_DEFAULT;
  if (env.MUSTER_AGENT_RELEASE_BUILD_COMMAND !== undefined && isDefaultDirectory) {
    const build = startReleaseBuild(env.MUSTER_AGENT_RELEASE_BUILD_COMMAND, process.env, logger);
    process.once('exit', () => build.stop());
    releaseBuild = build;
  }

  // Index builds start only after the server accepts requests, because building a large index takes minutes.
  indexes = db
    .buildIndexes({
      signal: stopIndexes.signal,
      onWait: (wait) => logger.info(wait, 'an index build is waiting for other sessions'),
    })
    .then((migrations) => {
      if (migrations.length > 0) logger.info({ migrations }, 'built indexes');
    })
    .catch((error: unknown) => logger.warn({ err: error }, 'could not build an index; the next start retries it'));
}

function oidcOf(env: Env): OidcOptions | null {
  const { MUSTER_OIDC_ISSUER: issuer, MUSTER_OIDC_CLIENT_ID: clientId, MUSTER_OIDC_CLIENT_SECRET: clientSecret } = env;
  if (issuer === undefined || clientId === undefined || clientSecret === undefined) return null;
  const role = env.MUSTER_OIDC_STRANGER_ROLE;
  return {
    issuer,
    clientId,
    clientSecret,
    name: env.MUSTER_OIDC_NAME,
    autoProvisionRole: role === 'none' ? null : role,
    trustEmail: env.MUSTER_OIDC_TRUST_EMAIL,
    domains: env.MUSTER_OIDC_DOMAINS ?? null,
    roleClaim: env.MUSTER_OIDC_ROLE_CLAIM ?? null,
    roleByGroup: env.MUSTER_OIDC_ROLES ?? null,
  };
}

/** Prints the error that prevents the process from running, and exits with 1. */
function fail(error: unknown): never {
  const { code, message } = error as NodeJS.ErrnoException;
  const lines =
    error instanceof EnvError
      ? error.problems
      : [code === 'EADDRINUSE' ? `${message}: another process uses this port; set PORT to another one` : message];
  for (const line of lines) process.stderr.write(`muster: ${line}\n`);
  // Exits explicitly, because open handles would otherwise keep the process alive.
  process.exit(1);
}

// Without this listener, SIGUSR1 would make Node open its debugger, through which any local process could run code in
// this process.
process.on('SIGUSR1', () => undefined);

try {
  await main(parseEnv(process.env, fs));
} catch (error) {
  fail(error);
}
