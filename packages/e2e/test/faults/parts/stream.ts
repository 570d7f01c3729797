import { Paths } from '@muster/contracts';

/** A client of `/api/stream`. */
export interface Listener {
  /** All received text, unparsed. */
  text(): string;
  close(): void;
}

/**
 * Opens the stream of an API, and receives messages until `close` is called. @throws Error if the API refuses the
 * stream.
 */
export async function listen(url: string, key: string): Promise<Listener> {
  const end = new AbortController();
  const headers = { authorization: `Bearer ${key}`, accept: 'text/event-stream' };
  const answer = await fetch(url + Paths.stream, { headers, signal: end.signal });
  if (!answer.ok || answer.body === null) throw new Error(`the stream answered ${answer.status}`);
  let received = '';
  const decoder = new TextDecoder();
  const read = async () => {
    for await (const chunk of answer.body as AsyncIterable<Uint8Array>)
      received += decoder.decode(chunk, { stream: true });
  };
  // Reading fails when the listener is closed or when the API exits.
  read().catch(() => undefined);
  return { text: () => received, close: () => end.abort() };
}
