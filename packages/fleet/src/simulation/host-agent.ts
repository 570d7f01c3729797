import { gzipSync } from 'node:zlib';
import {
  EnrollResponse,
  HeartbeatResponse,
  ProblemTypes,
  SnapshotHeaderNames,
  SyncSummary,
  TokenRotation,
  type Cadence,
  type Heartbeat,
} from '@muster/contracts';
import type { Call, Http } from '@muster/testkit/http';
import { seededRandom, type Random } from '@muster/testkit/random';
import type { z } from 'zod';
import { compareCounts, type ExpectedHost, type ContainerTexts } from '../compare.js';
import { HostLife, type HostEvent } from '../model/host-life.js';
import type { Role, SentContainer } from '../model/container-life.js';
import { callApi, type Answer } from '../protocol/answers.js';
import {
  AgentSession,
  enrollRequest,
  heartbeatRequest,
  MACHINE,
  rotationRequest,
  snapshotRequest,
} from '../protocol/requests.js';
import { increment, SNAPSHOT_MISHAPS, type Metrics, type SnapshotMishap } from './metrics.js';
import { ReportSchedule, retryDelayMs, type Report } from './report-schedule.js';
import type { SimulateOptions } from './summary.js';

/** The settings and the state that all agents of a fleet share. */
export interface Fleet {
  options: Pick<SimulateOptions, 'seed' | 'hosts' | 'rampMs' | 'churn' | 'faults'>;
  roles: readonly Role[];
  engineIdPrefix: string;
  enrollmentToken: string;
  http: Http;
  metrics: Metrics;
  /**
   * The snapshot interval that the API sent first; null before the first enrollment. It also determines how often
   * simulated events happen to the hosts. If the API changes the interval later, the rate of the events stays the same.
   */
  intervalMs: number | null;
  /** The simulation's start, in milliseconds since 1970. */
  epochMs: number;
  /** Returns the milliseconds since the simulation's start. */
  now: () => number;
}

const AGENT_VERSION = 'simulate';

/** The real agent has the same limit: below this size, compression costs more than it saves. */
const GZIP_BYTES_MIN = 4_096;
/** Level 3 takes less than two thirds of the time of the default level, for 5 % more bytes. */
const GZIP_LEVEL = 3;

const KNOWN_REASON = /"reason":"(?!failed_to_start)\w+"/;
const UNKNOWN_REASON = '"reason":"unknown"';

/**
 * Maximum number of removed containers per host that are remembered in `expected`, to check that the API shows them as
 * removed.
 */
const REMOVED_MAX = 20;

/** Time for which the API can still receive the snapshot of a request that got no response. */
const LATE_ARRIVAL_MS_MAX = 5_000;

/** The share of snapshots that each kind of mishap affects if `faults` is 1. */
const MISHAP_SHARE = 0.005;
/** The maximum share of snapshots that each kind of mishap affects, however large `faults` is. */
const MISHAP_SHARE_MAX = 0.2;

/** The agent of one simulated host. */
export class HostAgent {
  readonly name: string;
  /** The state that the API must show; null before the host is enrolled. */
  expected: ExpectedHost | null = null;
  /** Violations of the protocol by the API. */
  readonly violations = new Set<string>();
  /** What each heartbeat reports about the machine. Assign it to upgrade or rename the machine. */
  machine: Partial<Heartbeat> = { engine: MACHINE.engine, os: MACHINE.os, agentVersion: AGENT_VERSION };
  private state: 'running' | 'leaving' | 'gone' | 'rejected' = 'running';
  private life: HostLife | null = null;
  private readonly startAtMs: number;
  /** The generator for jitter and mishaps. */
  private readonly random: Random;
  private readonly schedule: ReportSchedule;
  /** The token of the session is empty if the agent must enroll again. */
  private session: AgentSession | null = null;
  private wantsRotation = false;
  private failures = 0;
  private sent: readonly SentContainer[] = [];
  private texts: readonly string[] = [];
  /** The containers that the API has stored; null while it is unknown whether the API applied the last snapshot. */
  private stored: ContainerTexts | null = new Map();
  private body: { bytes: Buffer; gzip: boolean } | null = null;
  private observedAtMs = 0;
  private acknowledgedAtMs = Number.NEGATIVE_INFINITY;
  /**
   * The agent does not know the reasons of exits before this time, as after a restart. The API must keep the reasons
   * that it has.
   */
  private forgottenUntilMs = Number.NEGATIVE_INFINITY;
  /** The digest of the last snapshot, if it was applied. */
  private digest: string | null = null;
  /** A snapshot that the network has delayed. */
  private delayed: Call | null = null;

  /** `host` is the number of the host in its fleet. */
  constructor(
    private readonly fleet: Fleet,
    private readonly host: number,
  ) {
    const { seed, rampMs, hosts } = fleet.options;
    this.name = `sim-${seed}-${host + 1}`;
    this.startAtMs = (rampMs * host) / hosts;
    this.random = seededRandom(seed, host, 3);
    this.schedule = new ReportSchedule(this.startAtMs, this.random);
  }

  /** Returns the time at which `wake` must be called next, or Infinity after the agent has left. */
  nextAtMs(): number {
    if (this.isOver) return Number.POSITIVE_INFINITY;
    return Math.min(this.life?.nextAtMs() ?? Number.POSITIVE_INFINITY, this.schedule.next().atMs);
  }

  /** Advances the host to `nowMs`, and makes the call that is due, if any. */
  async wake(nowMs: number): Promise<void> {
    this.advance(nowMs);
    const { report, atMs } = this.schedule.next();
    if (atMs > nowMs) return;
    if (!this.session?.token) await this.enroll();
    else if (this.wantsRotation) await this.rotate(this.session);
    else if (report === 'heartbeat') await this.sendHeartbeat(this.session);
    else await this.sendSnapshot(this.session, nowMs, this.drawMishap());
  }

  /** If the agent has started, tries once to report the state at `nowMs`. Returns false if the agent must try again. */
  async finish(nowMs: number): Promise<boolean> {
    if (this.startAtMs > nowMs) return true;
    if (!this.isOver && !this.session?.token) await this.enroll();
    if (!this.isOver && this.session?.token) {
      this.advance(nowMs);
      await this.sendSnapshot(this.session, nowMs, null);
    }
    if (!this.isOver && (this.acknowledgedAtMs !== nowMs || this.digest === null)) return false;
    if (this.state !== 'gone') await this.sendDelayed();
    return true;
  }

  private get isOver(): boolean {
    return this.state === 'gone' || this.state === 'rejected';
  }

  private advance(nowMs: number): void {
    if (this.life === null || this.expected === null) return;
    const { changedAtMs, removals, events } = this.life.advance(nowMs);
    const { removed } = this.expected;
    for (const { dockerId, createdAtMs } of removals) {
      if (createdAtMs <= this.acknowledgedAtMs && removed.length < REMOVED_MAX) removed.push(dockerId);
    }
    if (changedAtMs !== null) this.schedule.containerChanged(changedAtMs);
    for (const event of events) this.handleEvent(event, nowMs);
  }

  private handleEvent(event: HostEvent, nowMs: number): void {
    const { mishaps } = this.fleet.metrics;
    switch (event.kind) {
      case 'agent-restarted':
        increment(mishaps, 'agent restarted');
        if (this.session !== null) this.session = new AgentSession(this.session.hostId, this.session.token);
        this.digest = null;
        this.delayed = null;
        this.forgottenUntilMs = this.acknowledgedAtMs;
        this.schedule.start(nowMs);
        break;
      case 'network-failed':
        increment(mishaps, 'network failed');
        // A real agent does not notice the end of the outage before its next attempt, so the retry delay is added.
        this.schedule.silence(event.untilMs + retryDelayMs(2, null, this.random()));
        break;
      case 'token-rotated':
        this.wantsRotation = true;
        break;
      case 'gone':
        this.state = 'leaving';
        this.schedule.containerChanged(nowMs);
        break;
    }
  }

  private async enroll(): Promise<void> {
    const { name, host, fleet } = this;
    const engineId = `${fleet.engineIdPrefix}${host + 1}`;
    const request = enrollRequest(fleet.enrollmentToken, engineId, { name, agentVersion: AGENT_VERSION });
    const answer = await this.call(EnrollResponse, request, this.chance(0.01));
    this.extendLastSeen(answer.kind === 'retry');
    if (answer.kind === 'refused') return void this.reject(`its enrollment was refused: ${answer.reason}`);
    if (answer.kind === 'retry') return void this.retryLater(answer.retryAfterMs, 'snapshot');
    const { agentToken, hostId, cadence } = answer.data;
    if (this.session?.hostId === hostId) this.session.token = agentToken;
    else this.session = new AgentSession(hostId, agentToken);
    const lastSeen = { fromMs: 0, untilMs: 0 };
    this.expected ??= { name, hostId, containers: null, removed: [], lastSeen, cadence };
    Object.assign(this.expected, { hostId, cadence });
    this.failures = 0;
    fleet.intervalMs ??= cadence.snapshotSeconds * 1_000;
    this.life ??= new HostLife({ ...fleet.options, host, roles: fleet.roles, intervalMs: fleet.intervalMs });
    this.schedule.start(fleet.now());
    this.advance(fleet.now());
  }

  private async rotate(session: AgentSession): Promise<void> {
    const answer = await this.call(TokenRotation, rotationRequest(session), this.chance(0.1));
    this.extendLastSeen(answer.kind === 'retry');
    this.wantsRotation = false;
    if (answer.kind === 'refused') return void this.handleRejection(answer);
    if (answer.kind === 'retry') return;
    increment(this.fleet.metrics.mishaps, 'token rotated');
    session.token = answer.data.agentToken;
  }

  private async sendHeartbeat(session: AgentSession): Promise<void> {
    // A digest in a heartbeat means that nothing has changed. A heartbeat therefore contains no digest while a change
    // is unreported.
    const digest = this.schedule.hasChange ? null : this.digest;
    await this.report('heartbeat', this.call(HeartbeatResponse, heartbeatRequest(session, digest, this.machine)));
  }

  private async sendSnapshot(session: AgentSession, nowMs: number, mishap: SnapshotMishap | null): Promise<void> {
    const { mishaps } = this.fleet.metrics;
    this.schedule.snapshotStarted();
    const request = this.nextSnapshot(session, nowMs);
    if (mishap !== null) increment(mishaps, mishap);
    if (mishap === 'sent late') {
      this.delayed = request;
      return void this.retryLater(null, 'snapshot');
    }
    const before = this.stored;
    this.stored = null;
    const copies = mishap === 'sent twice' ? [request, request] : [request];
    const answers = Promise.all(copies.map((copy) => this.call(SyncSummary, copy, mishap === 'answer lost')));
    const applied = answers.then((each) => this.appliedOf(each));
    const summary = await this.report('snapshot', applied);
    if (summary === null) return;

    this.digest = summary.applied ? summary.digest : null;
    if (!summary.applied)
      return void this.violations.add(`the API called its newest snapshot stale: ${summary.reason}`);
    const { hostId } = summary;
    this.stored = new Map(this.life!.containers.map(({ dockerId }, index) => [dockerId, this.sent[index]!.text]));
    for (const difference of compareCounts(before, this.stored, summary)) this.violations.add(difference);
    if (hostId !== session.hostId) this.violations.add(`the response is for host ${hostId}`);
    this.acknowledgedAtMs = nowMs;
    this.expected!.containers = this.sent;
    if (this.state === 'leaving') {
      increment(mishaps, 'host gone');
      this.state = 'gone';
    } else if (this.delayed?.body !== request.body) {
      await this.sendDelayed();
    }
  }

  /** Returns a request with the snapshot at `nowMs`. Reuses the previous body if no container text has changed. */
  private nextSnapshot(session: AgentSession, nowMs: number): Call {
    const { epochMs } = this.fleet;
    const { containers } = this.life!;
    this.sent = containers.map((container) => container.sent(nowMs, epochMs));
    const texts = this.sent.map(({ text }, index) =>
      containers[index]!.finishedAtMs > this.forgottenUntilMs ? text : text.replace(KNOWN_REASON, UNKNOWN_REASON),
    );
    if (this.body === null || texts.join() !== this.texts.join()) {
      const bytes = Buffer.from(`[${texts.join()}]`);
      const gzip = bytes.length >= GZIP_BYTES_MIN;
      this.body = { bytes: gzip ? gzipSync(bytes, { level: GZIP_LEVEL }) : bytes, gzip };
    }
    this.texts = texts;
    // No two snapshots of a host have the same time, so that their order is always defined.
    this.observedAtMs = Math.max(this.observedAtMs + 1, Math.floor(epochMs + nowMs));
    const request = snapshotRequest(session, this.body.bytes, { ...this.body, observedAtMs: this.observedAtMs });
    return { ...request, headers: { ...request.headers, [SnapshotHeaderNames.complete]: 'true' } };
  }

  /**
   * Returns the response to the copy that the API applied, for a snapshot that was sent twice. The API must apply only
   * one of the copies.
   */
  private appliedOf(answers: readonly Answer<SyncSummary>[]): Answer<SyncSummary> {
    const applied = answers.filter((answer) => answer.kind === 'ok' && answer.data.applied);
    if (applied.length > 1) this.violations.add('one request, sent twice, was applied twice');
    return applied[0] ?? answers.find(({ kind }) => kind !== 'ok') ?? answers[0]!;
  }

  /**
   * Sends the delayed snapshot, if there is one. The API must not apply that snapshot, because it has already applied a
   * newer snapshot.
   */
  private async sendDelayed(): Promise<void> {
    if (this.delayed === null || !this.session?.token) return;
    const request = { ...this.delayed, token: this.session.token };
    this.delayed = null;
    const answer = await this.call(SyncSummary, request);
    const isApplied = answer.kind === 'ok' && answer.data.applied;
    if (isApplied) this.violations.add('an older snapshot, sent late, was applied over a newer one');
    this.extendLastSeen(answer.kind === 'retry');
  }

  /** Returns the response to a report. After a failure, schedules what a real agent would do next, and returns null. */
  private async report<T extends { cadence: Cadence; snapshotRequired?: boolean }>(
    report: Report,
    pending: Promise<Answer<T>>,
  ): Promise<T | null> {
    const sentAtMs = this.fleet.now();
    const answer = await pending;
    this.extendLastSeen(answer.kind === 'retry' && report === 'snapshot');
    if (answer.kind === 'retry') this.retryLater(answer.retryAfterMs, report);
    else if (answer.kind === 'refused') this.handleRejection(answer);
    if (answer.kind !== 'ok') return null;
    this.failures = 0;
    this.expected!.lastSeen.fromMs = sentAtMs;
    const { cadence, snapshotRequired } = answer.data;
    this.expected!.cadence = cadence;
    this.schedule.answered(report, this.fleet.now(), cadence, snapshotRequired);
    return answer.data;
  }

  private extendLastSeen(canArriveLater: boolean): void {
    if (this.expected === null) return;
    const { lastSeen } = this.expected;
    lastSeen.untilMs = Math.max(lastSeen.untilMs, this.fleet.now() + (canArriveLater ? LATE_ARRIVAL_MS_MAX : 0));
  }

  private retryLater(retryAfterMs: number | null, report: Report): void {
    this.failures += 1;
    this.fleet.metrics.retries += 1;
    this.schedule.failed(this.fleet.now(), retryDelayMs(this.failures, retryAfterMs, this.random()), report);
  }

  /**
   * Enrolls again if the agent's token is invalid. Stops after any other refusal, for example if the host was deleted.
   */
  private handleRejection({ problemType, reason }: Answer<never> & { kind: 'refused' }): void {
    if (problemType !== ProblemTypes.tokenInvalid) return this.reject(`it was rejected: ${reason}`);
    increment(this.fleet.metrics.mishaps, 'enrolled again');
    this.session!.token = '';
    this.schedule.start(this.fleet.now());
  }

  private reject(reason: string): void {
    this.state = 'rejected';
    this.violations.add(reason);
  }

  private call<S extends z.ZodType>(schema: S, request: Call, isLost = false) {
    const lose = this.random() < 0.5 ? 'when-sent' : 'when-answered';
    return callApi(this.fleet.http, schema, isLost ? { ...request, lose } : request);
  }

  private chance(share: number): boolean {
    return this.random() < Math.min(0.3, share * this.fleet.options.faults);
  }

  private drawMishap(): SnapshotMishap | null {
    const share = Math.min(MISHAP_SHARE_MAX, MISHAP_SHARE * this.fleet.options.faults);
    const mishap = share > 0 ? SNAPSHOT_MISHAPS[Math.floor(this.random() / share)] : undefined;
    return mishap === undefined || (mishap === 'sent late' && this.delayed !== null) ? null : mishap;
  }
}
