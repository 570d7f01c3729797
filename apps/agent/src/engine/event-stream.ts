import { send, type HttpRoute } from '../http/exchange.js';
import { EngineError } from './errors.js';
import { EngineEvent } from './shapes.js';

/**
 * The actions that can change what a list says. exec_* and their like, more than half of what an engine with health
 * checks tells, are left out by the engine itself. `died` is how Podman before 5 has `die` in a filter; `remove` is
 * Podman's `destroy`, `cleanup` its end of an exit.
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

/** No event is a hundredth as long; a bound only so that a broken engine cannot fill memory. */
const LINE_LENGTH_MAX = 4 * 1024 * 1024;

/** How long an engine may take to begin its answer. Both engines send the headers at once, before any event. */
const HEADERS_TIMEOUT_MS = 15_000;

/**
 * Subscribes to an engine's container events. Resolves once the engine has answered, from when on no event is
 * missed; what follows ends or throws when the engine closes the stream. Throws `EngineError` for an HTTP error and
 * what `send` does for a connection that fails.
 */
export async function openEvents(
  route: HttpRoute,
  path: string,
  signal: AbortSignal,
): Promise<AsyncIterable<EngineEvent>> {
  const late = new AbortController();
  const timer = setTimeout(() => late.abort(new Error('the engine does not tell its events')), HEADERS_TIMEOUT_MS);
  const either = AbortSignal.any([signal, late.signal]);
  const call = { method: 'GET', path: `${path}?filters=${FILTERS}`, signal: either } as const;
  const response = await send(route, call).finally(() => clearTimeout(timer));
  if (response.statusCode !== 200) {
    response.destroy();
    throw new EngineError('refused', `the engine answered /events with ${response.statusCode}`, response.statusCode);
  }
  return parseEvents(response);
}

/** Newline-delimited JSON as events. A line that is no event is passed over: its neighbours still count. */
export async function* parseEvents(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<EngineEvent> {
  const decoder = new TextDecoder();
  let rest = '';
  for await (const chunk of chunks) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split('\n');
    rest = lines.pop()!;
    if (rest.length > LINE_LENGTH_MAX) throw new EngineError('malformed', 'the engine’s event stream is not one');
    for (const line of lines) {
      const event = parseEvent(line);
      if (event !== null) yield event;
    }
  }
}

/** The event of one line, or null where it is not a container's or not one that can change a list. */
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
