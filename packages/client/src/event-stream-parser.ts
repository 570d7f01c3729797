/** One server-sent event. */
export interface ServerSentEvent {
  event: string;
  /** The event's own id; absent if it has none. */
  id?: string;
  data: string;
}

/**
 * Parses `text/event-stream` as specified in the HTML standard (section 9.2.6), except that it ignores `retry`. Accepts
 * the text in chunks of any size. (The package `eventsource-parser` cannot be used, because it drops the id of a block
 * without data: see docs/dependencies.md.)
 */
export class EventStreamParser {
  #rest = '';
  #event: Partial<ServerSentEvent> = {};
  #lastEventId: string | undefined;

  /**
   * The last id in a complete block, even if that block has no data. A client that has handled all events resumes after
   * this id.
   */
  get lastEventId(): string | undefined {
    return this.#lastEventId;
  }

  /** Parses the next chunk. Returns the events that end in this chunk. */
  feed(piece: string): ServerSentEvent[] {
    const events: ServerSentEvent[] = [];
    let text = this.#rest + piece;
    // A carriage return at the end may be the first half of CRLF. The line feed is then in the next chunk.
    const trailingReturn = text.endsWith('\r') ? '\r' : '';
    if (trailingReturn !== '') text = text.slice(0, -1);
    const lines = text.split(/\r\n|\n|\r/);
    this.#rest = lines.pop()! + trailingReturn;
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
    // Ignore comments, `retry` and unknown fields.
  }
}
