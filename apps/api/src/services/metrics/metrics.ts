import { MUSTER_VERSION, StaleReason, type SyncSummary } from '@muster/contracts';
import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';

/**
 * Upper bounds of the histogram's buckets, in seconds. An unchanged snapshot takes 1 ms, and a transaction times out
 * after 5 s by default.
 */
const DURATION_BUCKETS_SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5];

/** The outcomes of a snapshot: applied with or without a change, or the reason why it was not applied. */
const SNAPSHOT_OUTCOMES = ['changed', 'unchanged', ...StaleReason.options] as const;
type SnapshotOutcome = (typeof SNAPSHOT_OUTCOMES)[number];

/** A request that has ended. `route` is the path pattern of its route; null if no route matches. */
export interface EndedRequest {
  method: string;
  route: string | null;
  /** The status of the response; 0 if the connection was closed before a response. */
  status: number;
  /** Seconds until the response was sent; null for streams and other requests whose duration has no meaning. */
  seconds: number | null;
}

export interface Metrics {
  recordRequest(request: EndedRequest): void;
  recordSnapshot(summary: SyncSummary): void;
  /**
   * Adds the metrics of the process: CPU, memory, event loop and garbage collection. Call this method once per process.
   */
  registerProcessMetrics(): void;
  /** The registry in which other modules register their gauges. */
  readonly registry: Registry;
  /** Returns all metrics in Prometheus's text format. */
  read(): Promise<{ contentType: string; text: string }>;
}

/**
 * Methods that are counted by name. All other methods are counted together, because clients may send any text as a
 * method, and each text would become a series.
 */
const METHODS: ReadonlySet<string> = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']);

/**
 * Creates the metrics for Prometheus. Events that occur a thousand times a second are counted in plain numbers, which
 * become series when the metrics are read. No label value comes from a caller, so the number of routes bounds the
 * number of series.
 */
export function createMetrics(): Metrics {
  const registry = new Registry();
  const registers = [registry];
  const perRoute = new Map<string, { observe(seconds: number): void }>();
  const durations = new Histogram({
    name: 'muster_http_request_duration_seconds',
    help: 'Duration of requests in seconds, from the headers to the end of the response. Streams are not included.',
    labelNames: ['method', 'route'] as const,
    buckets: DURATION_BUCKETS_SECONDS,
    registers,
  });
  const requests = new Map<string, { method: string; route: string; status: number; count: number }>();
  const snapshots = new Map<SnapshotOutcome, number>();
  const rows = { created: 0, updated: 0, removed: 0 };

  new Gauge({
    name: 'muster_build_info',
    help: 'The version of this process. The value is always 1.',
    labelNames: ['version'],
    registers,
  }).set({ version: MUSTER_VERSION }, 1);
  new Counter({
    name: 'muster_http_requests_total',
    help: 'Completed requests, by status. Status 0: the connection was closed before a response.',
    labelNames: ['method', 'route', 'status'],
    registers,
    collect() {
      this.reset();
      for (const { count, ...labels } of requests.values()) this.inc(labels, count);
    },
  });
  new Counter({
    name: 'muster_snapshots_total',
    help: 'Responses to snapshots, by outcome.',
    labelNames: ['outcome'],
    registers,
    collect() {
      this.reset();
      for (const outcome of SNAPSHOT_OUTCOMES) this.inc({ outcome }, snapshots.get(outcome) ?? 0);
    },
  });
  new Counter({
    name: 'muster_container_rows_written_total',
    help: 'Container rows written by snapshots.',
    labelNames: ['change'],
    registers,
    collect() {
      this.reset();
      for (const [change, count] of Object.entries(rows)) this.inc({ change }, count);
    },
  });

  return {
    registry,

    recordRequest({ method, route, status, seconds }) {
      const labels = { method: METHODS.has(method) ? method : 'other', route: route ?? 'none' };
      const routeKey = `${labels.method} ${labels.route}`;
      const key = `${routeKey} ${status}`;
      const entry = requests.get(key);
      if (entry === undefined) requests.set(key, { ...labels, status, count: 1 });
      else entry.count += 1;
      if (seconds === null) return;
      let observer = perRoute.get(routeKey);
      if (observer === undefined) perRoute.set(routeKey, (observer = durations.labels(labels)));
      observer.observe(seconds);
    },

    recordSnapshot({ reason, created, updated, removed }) {
      const outcome = reason ?? (created + updated + removed === 0 ? 'unchanged' : 'changed');
      snapshots.set(outcome, (snapshots.get(outcome) ?? 0) + 1);
      rows.created += created;
      rows.updated += updated;
      rows.removed += removed;
    },

    registerProcessMetrics: () => collectDefaultMetrics({ register: registry }),

    read: async () => ({ contentType: registry.contentType, text: await registry.metrics() }),
  };
}
