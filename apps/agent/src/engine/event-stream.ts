import { send, type HttpRoute } from '../http/exchange.js';
import { EngineError } from './errors.js';
import { EngineEvent } from './shapes.js';

/**
 * The actions that can change the container list. The engine itself filters out exec_* and similar events, which are
 * more than half of all events of an engine with health checks. `died` is the name that Podman before 5 has for `die`
 * in a filter; `remove` is Podman's `destroy`, and `cleanup` its last event after an exit.
 */
export const WATCHED_ACTIONS = [
  'create',
  'start',
  'restart',
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

const FILTERS = encodeURIComponent(JSON.stringify({ type: ['container'], event: WATCHED_ACTIONS }));

/** More than a hundred times the longest event. The limit keeps a broken engine from filling the memory. */
const LINE_LENGTH_MAX = 4 * 1024 * 1024;

/** Timeout for the headers of the answer. Docker and Podman send them at once, before any event. */
const HEADERS_TIMEOUT_MS = 15_000;

/**
 * Subscribes to an engine's container events. Resolves once the engine has answered; no event is missed after that. The
 * iteration ends or throws when the engine closes the stream. Throws `EngineError` for an HTTP error, and the error of
 * `send` if the connection fails.
 */
export async function openEvents(
  route: HttpRoute,
  path: string,
  signal: AbortSignal,
): Promise<AsyncIterable<EngineEvent>> {
  const late = new AbortController();
  const timer = setTimeout(() => late.abort(new Error('no answer to /events in time')), HEADERS_TIMEOUT_MS);
  const either = AbortSignal.any([signal, late.signal]);
  const call = { method: 'GET', path: `${path}?filters=${FILTERS}`, signal: either } as const;
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
  let rest = '';
  for await (const chunk of chunks) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split('\n');
    rest = lines.pop()!;
    if (rest.length > LINE_LENGTH_MAX) throw new EngineError('malformed', 'the engine’s event stream is invalid');
    for (const line of lines) {
      const event = parseEvent(line);
      if (event !== null) yield event;
    }
  }
}

/** Returns the event of one line, or null if it is not a container's or cannot change the container list. */
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
  return event.data.Action.startsWith('exec') ? null : event.data;
}
