import { send, type HttpRoute } from '../http/http-request.js';
import { EngineError } from './errors.js';
import { EngineEvent } from './shapes.js';

/**
 * The actions of events that can change the container list, or that show why a container exited (`kill` and `oom`). The
 * subscription requests only these events. More than half of the events of an engine with health checks have other
 * actions, such as exec_*. Podman uses other names: `remove` instead of `destroy`, `cleanup` for the last event after
 * an exit, and, in filters before version 5, `died` instead of `die`.
 */
export const WATCHED_ACTIONS = [
  'create',
  'start',
  'restart',
  'kill',
  'oom',
  'die',
  'died',
  'stop',
  'pause',
  'unpause',
  'rename',
  'update',
  'health_status',
  'cleanup',
  'destroy',
  'remove',
] as const;

/** The actions that show why a container exited. */
const EXIT_ACTIONS = ['kill', 'oom', 'die', 'died', 'stop'] as const;

const filtersOf = (actions: readonly string[]): string =>
  `filters=${encodeURIComponent(JSON.stringify({ type: ['container'], event: actions }))}`;

/** Maximum number of past events that are read. Docker keeps 256 in memory. Podman keeps a file or a journal. */
const PAST_EVENTS_MAX = 5_000;
const PAST_EVENTS_MS_MAX = 1_500;

/**
 * Maximum length of a line, in characters. The limit protects the agent's memory from a broken engine. It is more than
 * a hundred times the length of the longest event.
 */
const LINE_LENGTH_MAX = 4 * 1024 * 1024;

/**
 * Timeout for the headers of the response, in milliseconds. Docker and Podman send them immediately, before any event.
 */
const HEADERS_TIMEOUT_MS = 15_000;

/**
 * Subscribes to an engine's container events. Resolves when the engine has answered. From then on, no event is missed.
 * The iteration ends or throws when the engine closes the stream. Throws `EngineError` for an HTTP error, and the error
 * of `send` if the connection fails.
 */
export async function openEvents(
  route: HttpRoute,
  path: string,
  signal: AbortSignal,
): Promise<AsyncIterable<EngineEvent>> {
  return subscribe(route, `${path}?${filtersOf(WATCHED_ACTIONS)}`, signal);
}

/**
 * Reads the events of a past period that show why containers exited. Reads at most `PAST_EVENTS_MAX` events, and for at
 * most `PAST_EVENTS_MS_MAX`. The times are in milliseconds since 1970. Throws like `openEvents`.
 */
export async function readPastEvents(
  route: HttpRoute,
  path: string,
  { fromMs, toMs }: { fromMs: number; toMs: number },
  signal: AbortSignal,
): Promise<EngineEvent[]> {
  const period = `since=${Math.floor(fromMs / 1_000)}&until=${Math.ceil(toMs / 1_000)}`;
  // If the engine's clock is behind ours, `until` lies in the engine's future, and the engine keeps the response open.
  // The timeout then ends the read.
  const timeout = AbortSignal.timeout(PAST_EVENTS_MS_MAX);
  const combinedSignal = AbortSignal.any([signal, timeout]);
  const past: EngineEvent[] = [];
  try {
    // Leaving the loop closes the connection.
    for await (const event of await subscribe(route, `${path}?${period}&${filtersOf(EXIT_ACTIONS)}`, combinedSignal)) {
      if (past.push(event) === PAST_EVENTS_MAX) break;
    }
  } catch (error) {
    if (!timeout.aborted || signal.aborted) throw error;
  }
  return past;
}

async function subscribe(route: HttpRoute, path: string, signal: AbortSignal): Promise<AsyncIterable<EngineEvent>> {
  const headersTimeout = new AbortController();
  const timer = setTimeout(() => headersTimeout.abort(new Error('no answer to /events in time')), HEADERS_TIMEOUT_MS);
  const combinedSignal = AbortSignal.any([signal, headersTimeout.signal]);
  const call = { method: 'GET', path, signal: combinedSignal } as const;
  const response = await send(route, call).finally(() => clearTimeout(timer));
  if (response.statusCode !== 200) {
    response.destroy();
    throw new EngineError('refused', `the engine answered /events with ${response.statusCode}`, response.statusCode);
  }
  return parseEvents(response);
}

/** Parses newline-delimited JSON. Lines that are not events are skipped. */
export async function* parseEvents(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<EngineEvent> {
  const decoder = new TextDecoder();
  let incompleteLine = '';
  for await (const chunk of chunks) {
    const lines = (incompleteLine + decoder.decode(chunk, { stream: true })).split('\n');
    incompleteLine = lines.pop()!;
    if (incompleteLine.length > LINE_LENGTH_MAX)
      throw new EngineError('malformed', 'the engine’s event stream is invalid');
    for (const line of lines) {
      const event = parseEvent(line);
      if (event !== null) yield event;
    }
  }
}

/**
 * Parses one line. Returns null if the line is not a container event, or if the event cannot change the container list.
 * In the result, `HealthStatus` also contains the health that Docker writes into the action (`health_status: healthy`).
 */
export function parseEvent(line: string): EngineEvent | null {
  if (line.trim() === '') return null;
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    return null;
  }
  const event = EngineEvent.safeParse(value);
  if (!event.success || event.data.Type !== 'container' || event.data.Actor.ID === '') return null;
  const { Action, HealthStatus } = event.data;
  if (Action.startsWith('exec')) return null;
  return { ...event.data, HealthStatus: HealthStatus ?? /^health_status: (.+)/.exec(Action)?.[1] };
}
