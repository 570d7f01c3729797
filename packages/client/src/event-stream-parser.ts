/** One server-sent event. */
export interface ServerSentEvent {
  event: string;
  /** Absent where the event brought none of its own. */
  id?: string;
  data: string;
}

/**
 * Reads `text/event-stream` as the HTML standard parses it (9.2.6), but for `retry`, which is ours to choose. It takes
 * the text in whatever pieces it arrives. (The packages that do this export their TypeScript under the condition
 * `source`, by which this repository finds its own, and do not compile here.)
 */
export class EventStreamParser {
  #rest = '';
  #event: Partial<ServerSentEvent> = {};
  #lastEventId: string | undefined;

  /** The id from which a reader continues who has taken all events so far. It also comes without an event. */
  get lastEventId(): string | undefined {
    return this.#lastEventId;
  }

  /** Takes the next piece, and gives the events that it completes. */
  feed(piece: string): ServerSentEvent[] {
    const events: ServerSentEvent[] = [];
    let text = this.#rest + piece;
    // A line feed that belongs to it may still come.
    const open = text.endsWith('\r') ? '\r' : '';
    if (open !== '') text = text.slice(0, -1);
    const lines = text.split(/\r\n|\n|\r/);
    this.#rest = lines.pop()! + open;
    for (const line of lines) {
      if (line !== '') {
        this.#take(line);
        continue;
      }
      const { event = 'message', data, id } = this.#event;
      this.#lastEventId = id ?? this.#lastEventId;
      if (data !== undefined) events.push({ event, data, ...(id === undefined ? {} : { id }) });
      this.#event = {};
    }
    return events;
  }

  #take(line: string): void {
    const colon = line.indexOf(':');
    const field = colon === -1 ? line : line.slice(0, colon);
    const value = colon === -1 ? '' : line.slice(colon + 1).replace(/^ /, '');
    const { data } = this.#event;
    if (field === 'data') this.#event.data = data === undefined ? value : `${data}\n${value}`;
    else if (field === 'event') this.#event.event = value;
    else if (field === 'id' && !value.includes('\0')) this.#event.id = value;
    // Anything else is a comment, or what a later standard may say.
  }
}
