import type { Logger } from 'pino';
import type { EngineGate } from '../engine/engine-gate.js';
import type { EngineFault, EnginePoller, EngineReading } from '../engine/engine-poller.js';
import type { MachineFacts } from '../engine/identity.js';
import type { LogOnce } from '../lib/log-once.js';

export interface EngineStateOptions {
  gate: EngineGate;
  poller: Pick<EnginePoller, 'facts'>;
  /** The facts with which a machine is enrolled if its engine has reported no facts for `enrollWithoutEngineMs`. */
  factsWithoutEngine: MachineFacts;
  enrollWithoutEngineMs: number;
  /** Returns monotonic time in milliseconds. */
  now: () => number;
  log: Logger;
  logOnce: LogOnce;
}

/** Whether an engine can be read. Records each result in the gate and in the log. */
export interface EngineState {
  /** Returns why the engine cannot be read; null if it can. */
  fault(): EngineFault | null;
  /** Returns the number of containers in the last reading; null before the first one. */
  containers(): number | null;
  /** Returns how many containers of the last reading have a field that was shortened because it exceeds a limit. */
  truncatedContainers(): number;
  /** Returns why the last reading can be reported only in part; null if it can be reported in full. */
  incompleteness(): string | null;
  /** Records a successful reading, which shows that the engine can be read. */
  recordReadable(reading: EngineReading): void;
  /** Records a fault. Returns whether its kind is new, and the wait until the next list. */
  recordFault(fault: EngineFault): { isNewKind: boolean; delayMs: number };
  /**
   * Returns the facts for an enrollment; null if the machine cannot be enrolled yet. A machine that was never enrolled
   * is enrolled even if its engine is not running, so that the host appears in Muster. Such a machine gets a random
   * identity. A machine that was enrolled before waits for its engine, because a random identity would make it another
   * host.
   */
  enrollmentFacts(isEnrolled: boolean): MachineFacts | null;
  /**
   * Returns the time from which `enrollmentFacts` returns facts even without the engine; Infinity before the first
   * fault.
   */
  enrollmentPossibleAt(): number;
}

export function createEngineState(options: EngineStateOptions): EngineState {
  const { gate, poller, factsWithoutEngine, enrollWithoutEngineMs, now, log, logOnce } = options;
  let fault: EngineFault | null = null;
  /** When the engine could not be read for the first time in this run; infinite if it could always be read. */
  let firstFaultAt = Number.POSITIVE_INFINITY;
  /** True if the current fault was logged. Its end must then be logged, too. */
  let isLogged = false;
  let containers: number | null = null;
  let truncatedContainers = 0;
  let incompleteness: string | null = null;

  const enrollmentPossibleAt = (): number => firstFaultAt + enrollWithoutEngineMs;

  return {
    fault: () => fault,
    containers: () => containers,
    truncatedContainers: () => truncatedContainers,
    incompleteness: () => incompleteness,
    recordReadable(reading) {
      containers = reading.presentIds.size;
      truncatedContainers = reading.containers.filter(({ truncated }) => truncated !== undefined).length;
      gate.succeeded('list');
      if (fault !== null) log[isLogged ? 'info' : 'debug']({ containers }, 'the engine can be read again');
      fault = null;
      isLogged = false;
      if (incompleteness === null && reading.incompleteness !== null) {
        log.warn({ reason: reading.incompleteness }, 'not all containers can be reported');
      }
      incompleteness = reading.incompleteness;
    },
    recordFault(next) {
      const { message, failure, status } = next;
      const isNewKind = fault?.failure !== failure || fault.status !== status;
      firstFaultAt = Math.min(firstFaultAt, now());
      gate.failed('list', failure);
      const delayMs = Math.max(0, gate.openAt('list') - now());
      const details = { engineError: message, retryInMs: Math.round(delayMs) };
      const text = 'cannot list the containers: reporting the error instead of a snapshot';
      isLogged = logOnce('error', `engine ${failure} ${status}`, text, details) || isLogged;
      fault = next;
      return { isNewKind, delayMs };
    },
    enrollmentFacts(isEnrolled) {
      const facts = poller.facts();
      return facts === null && !isEnrolled && now() >= enrollmentPossibleAt() ? factsWithoutEngine : facts;
    },
    enrollmentPossibleAt,
  };
}
