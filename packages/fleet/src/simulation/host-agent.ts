import { ProblemTypes, type Cadence, type SyncSummary } from '@muster/contracts';
import { tally, type Metrics } from './metrics.js';
import type { HostEvent, HostLife, Removal } from '../model/host-life.js';
import type { Random } from '../model/random.js';
import type { Told } from './told.js';
import { enrollRequest, type AgentCalls, type Answer, type SnapshotOrder } from '../protocol/agent-calls.js';
import type { EncodedSnapshot } from '../protocol/encode-snapshot.js';
import type { Loss } from '../protocol/client.js';
import { chooseMishap, type SendMishap } from './mishaps.js';
import {
  changed,
  failed,
  heartbeatAnswered,
  nextStep,
  retryDelayMs,
  silenced,
  snapshotAnswered,
  snapshotBegun,
  startPace,
} from './pace.js';
import { createReports } from './reports.js';

/** The agent of one simulated host. */
export interface HostAgent {
  readonly name: string;
  isEnrolled(): boolean;
  isGone(): boolean;
  cadence(): Cadence;
  /** When it has to be woken; infinite while a call is under way, and once it is gone. */
  nextAtMs(): number;
  /** Lets its host live until now, and begins what is due: one call at most. Resolves when that is over. */
  wake(nowMs: number): Promise<void>;
  /** Tries once to tell the API the last state. True when it took it, or there is nothing to tell. */
  finish(nowMs: number): Promise<boolean>;
  /** Sends what was held back in the network till now, if anything, long after what it was sent before. */
  releaseLate(): Promise<void>;
  /** Null: it was never enrolled. */
  told(): Told | null;
  /** What the API did that the protocol does not allow, in words. */
  readonly oddities: readonly string[];
}

export interface HostAgentOptions {
  name: string;
  engineId: string;
  enrollToken: string;
  startAtMs: number;
  calls: AgentCalls;
  metrics: Metrics;
  /** Starts the host's life, once the cadence is known. */
  createLife: (cadence: Cadence) => HostLife;
  /** Chances of the protocol: jitter and mishaps. */
  random: Random;
  faults: number;
  uuid: () => string;
  /** When the simulation began, by the clock of this machine. */
  epochMs: number;
  /** Milliseconds since then. */
  now: () => number;
}

/** Removed containers of one host that are remembered. */
const REMOVED_KEPT = 20;

/** A snapshot whose answer was lost may still be under way for so long. */
const STRAGGLER_MS = 5_000;

/** An agent that begins at `startAtMs`, by enrolling. */
export function createHostAgent(options: HostAgentOptions): HostAgent {
  const { name, calls, metrics, random, faults, now } = options;
  const reports = createReports(options);
  const oddities: string[] = [];
  const removed: string[] = [];
  let token: string | null = null;
  let hostId: string | null = null;
  let life: HostLife | null = null;
  let schedule = startPace(options.startAtMs);
  let digest: string | null = null;
  let failures = 0;
  let isBusy = false;
  let wantsRotation = false;
  let state: 'live' | 'leaving' | 'gone' | 'refused' = 'live';
  /** The life's time of the last snapshot that was taken; null: none. */
  let takenAtMs: number | null = null;
  let late: { snapshot: EncodedSnapshot; order: SnapshotOrder } | null = null;
  const heard = { fromMs: 0, untilMs: 0 };

  const isOver = () => state === 'gone' || state === 'refused';

  /** The host lives until `nowMs`, and the agent sees what became of it. */
  function live(nowMs: number): void {
    if (life === null) return;
    const { changedAtMs, removals, events } = life.advance(nowMs);
    removals.forEach(noteRemoval);
    if (changedAtMs !== null) schedule = changed(schedule, changedAtMs);
    for (const event of events) meet(event, nowMs);
  }

  function noteRemoval({ dockerId, createdAtMs }: Removal): void {
    const wasTold = takenAtMs !== null && createdAtMs <= takenAtMs;
    if (wasTold && removed.length < REMOVED_KEPT) removed.push(dockerId);
  }

  function meet(event: HostEvent, nowMs: number): void {
    switch (event.kind) {
      case 'agent-restarted':
        tally(metrics.mishaps, 'agent restarted');
        reports.restart();
        digest = null;
        // What an agent that is gone had under way goes with it.
        late = null;
        schedule = { ...silenced(startPace(nowMs), schedule.notBefore), cadence: schedule.cadence };
        break;
      case 'network-failed':
        tally(metrics.mishaps, 'network failed');
        // The agent's own wait between two tries comes on top.
        schedule = silenced(schedule, event.untilMs + retryDelayMs(2, null, random()));
        break;
      case 'token-rotated':
        wantsRotation = true;
        break;
      case 'gone':
        state = 'leaving';
        schedule = changed(schedule, nowMs);
        break;
    }
  }

  async function enroll(): Promise<void> {
    const lose = chance(0.01) ? loss() : null;
    const answer = await calls.enroll(options.enrollToken, enrollRequest(name, options.engineId), lose);
    if (answer.kind === 'refused') return void refuse(`it may not enrol: ${answer.reason}`);
    if (answer.kind === 'retry') return void retryLater(answer, 'snapshot');
    failures = 0;
    ({ agentToken: token, hostId } = answer.data);
    life ??= options.createLife(answer.data.cadence);
    schedule = { ...startPace(now()), cadence: answer.data.cadence };
    live(now());
  }

  async function rotate(agentToken: string): Promise<void> {
    const answer = await calls.rotate(agentToken, chance(0.1) ? loss() : null);
    wantsRotation = false;
    if (answer.kind !== 'ok') return answer.kind === 'refused' ? void meetRefusal(answer) : undefined;
    tally(metrics.mishaps, 'token rotated');
    token = answer.data.agentToken;
  }

  async function sendSnapshot(agentToken: string, nowMs: number, mishap: SendMishap | null): Promise<void> {
    schedule = snapshotBegun(schedule);
    const snapshot = reports.snapshot(life!.containers, nowMs);
    const order = reports.nextOrder(nowMs);
    if (mishap === 'sent late' && late === null) {
      // The network keeps it, and the agent, after waiting in vain, sends the next.
      tally(metrics.mishaps, mishap);
      late = { snapshot, order };
      return void retryLater({ retryAfterMs: null }, 'snapshot');
    }
    const sentAtMs = now();
    let answer: Answer<SyncSummary>;
    if (mishap === 'sent twice') {
      tally(metrics.mishaps, mishap);
      answer = oneOf(
        await Promise.all([
          calls.snapshot(agentToken, snapshot, order, null),
          calls.snapshot(agentToken, snapshot, order, null),
        ]),
      );
    } else {
      if (mishap === 'answer lost') tally(metrics.mishaps, mishap);
      answer = await calls.snapshot(agentToken, snapshot, order, mishap === 'answer lost' ? loss() : null);
    }
    heard.untilMs = Math.max(heard.untilMs, now() + (answer.kind === 'retry' ? STRAGGLER_MS : 0));
    if (answer.kind === 'retry') return void retryLater(answer, 'snapshot');
    if (answer.kind === 'refused') return void meetRefusal(answer);
    failures = 0;
    heard.fromMs = sentAtMs;
    await noteSummary(answer.data, snapshot, nowMs);
  }

  async function noteSummary(summary: SyncSummary, sent: EncodedSnapshot, observedMs: number): Promise<void> {
    schedule = snapshotAnswered(schedule, now(), summary.cadence, random());
    digest = summary.applied ? summary.digest : null;
    if (!summary.applied) return void odd(`its newest snapshot was called stale: ${summary.reason}`);
    const count = reports.texts().length;
    if (summary.received !== count) odd(`${count} containers sent, ${summary.received} received`);
    if (summary.hostId !== hostId) odd(`it was answered as host ${summary.hostId}`);
    takenAtMs = observedMs;
    if (state === 'leaving') {
      tally(metrics.mishaps, 'host gone');
      state = 'gone';
    } else if (late !== null && late.snapshot !== sent) {
      await releaseLate();
    }
  }

  /** Of two answers to one request sent twice: the one that took it, for the other must call it stale. */
  function oneOf(answers: readonly Answer<SyncSummary>[]): Answer<SyncSummary> {
    const taken = answers.filter((answer) => answer.kind === 'ok' && answer.data.applied);
    if (taken.length > 1) odd('one request, sent twice, was applied twice');
    return taken[0] ?? answers.find(({ kind }) => kind !== 'ok') ?? answers[0]!;
  }

  async function releaseLate(): Promise<void> {
    if (late === null || token === null) return;
    const { snapshot, order } = late;
    late = null;
    const answer = await calls.snapshot(token, snapshot, order, null);
    if (answer.kind === 'ok' && answer.data.applied) odd('an older snapshot, sent late, was applied over a newer one');
    heard.untilMs = Math.max(heard.untilMs, now() + (answer.kind === 'retry' ? STRAGGLER_MS : 0));
  }

  async function sendHeartbeat(agentToken: string): Promise<void> {
    const sentAtMs = now();
    // A change that no snapshot has told yet is not "as in the last snapshot".
    const answer = await calls.heartbeat(agentToken, schedule.changeAt === null ? digest : null, reports.stream());
    heard.untilMs = Math.max(heard.untilMs, now());
    if (answer.kind === 'retry') return void retryLater(answer, 'heartbeat');
    if (answer.kind === 'refused') return void meetRefusal(answer);
    failures = 0;
    heard.fromMs = sentAtMs;
    schedule = heartbeatAnswered(schedule, now(), answer.data, random());
  }

  function retryLater({ retryAfterMs }: { retryAfterMs: number | null }, action: 'snapshot' | 'heartbeat'): void {
    failures += 1;
    metrics.retries += 1;
    schedule = failed(schedule, now(), retryDelayMs(failures, retryAfterMs, random()), action);
  }

  /** As the agent: a dead token is what enrolling again is for, a deleted host stops. */
  function meetRefusal({ problemType, reason }: Answer<never> & { kind: 'refused' }): void {
    if (problemType !== ProblemTypes.tokenInvalid) return refuse(`it was refused: ${reason}`);
    tally(metrics.mishaps, 'enrolled again');
    token = null;
    schedule = { ...startPace(now()), cadence: schedule.cadence };
  }

  function refuse(why: string): void {
    state = 'refused';
    odd(why);
  }

  // A host that is tried again and again says each thing once.
  const odd = (what: string): void => void (oddities.includes(what) || oddities.push(what));
  const chance = (share: number): boolean => random() < Math.min(0.3, share * faults);
  const loss = (): Loss => (random() < 0.5 ? 'when-sent' : 'when-answered');

  async function alone(act: () => Promise<void>): Promise<void> {
    isBusy = true;
    try {
      await act();
    } finally {
      isBusy = false;
    }
  }

  return {
    name,
    oddities,
    releaseLate,
    isEnrolled: () => token !== null,
    isGone: () => state === 'gone',
    cadence: () => schedule.cadence,
    nextAtMs: () =>
      isBusy || isOver() ? Number.POSITIVE_INFINITY : Math.min(life?.nextAtMs() ?? Infinity, nextStep(schedule).atMs),
    async wake(nowMs) {
      live(nowMs);
      const { action, atMs } = nextStep(schedule);
      if (atMs > nowMs) return;
      await alone(async () => {
        if (token === null) return enroll();
        if (wantsRotation) return rotate(token);
        if (action === 'heartbeat') return sendHeartbeat(token);
        return sendSnapshot(token, nowMs, chooseMishap(random, faults));
      });
    },
    async finish(nowMs) {
      if (isOver()) return true;
      await alone(async () => {
        if (token === null) await enroll();
        if (token !== null && !isOver()) {
          live(nowMs);
          await sendSnapshot(token, nowMs, null);
        }
      });
      return isOver() || (takenAtMs === nowMs && digest !== null);
    },
    told: () =>
      hostId === null
        ? null
        : {
            ...{
              name,
              hostId,
              isLive: state !== 'gone',
              texts: takenAtMs === null ? null : reports.texts(),
              removed,
              heard,
            },
            cadence: schedule.cadence,
          },
  };
}
