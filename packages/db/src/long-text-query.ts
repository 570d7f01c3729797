/**
 * Sends statements with long values in pieces. node-postgres itself builds one message with all values, in a buffer
 * that it copies each time the buffer grows. For 25 MB, this blocks the event loop for 30 ms.
 */
import type { Writable } from 'node:stream';

import pg from 'pg';

import { LongText } from './long-text.js';

/** The argument with which node-postgres's `Query` calls `bind` of its `Connection` (pg 8.23.1). */
interface BindConfig {
  portal?: string;
  statement?: string;
  values: readonly unknown[];
}
interface QueryConnection {
  stream: Writable;
  bind(config: BindConfig): void;
  describe(message: unknown): void;
  execute(message: unknown): void;
  sync(): void;
}

export interface LongStatement {
  name: string;
  text: string;
  values: unknown[];
  /** Milliseconds after which the client treats the statement as failed. */
  query_timeout: number;
}

/** Runs a statement like `client.query`. A value may be a LongText, which is written to the socket in pieces. */
export function queryLong<Row extends pg.QueryResultRow>(client: pg.ClientBase, statement: LongStatement) {
  return new Promise<pg.QueryResult<Row>>((resolve, reject) => {
    const query = new LongTextQuery<Row>(statement, (error: Error | undefined | null, result) => {
      if (error) reject(error);
      else resolve(result);
    });
    // node-postgres reads the timeout from this property of a custom query.
    client.query(Object.assign(query, { query_timeout: statement.query_timeout }));
  });
}

/** Maximum bytes passed to the socket at a time. The kernel copies them in a fraction of a millisecond. */
const WRITE_BYTES = 256 * 1024;

class LongTextQuery<Row extends pg.QueryResultRow> extends pg.Query<Row> {
  /**
   * Sends the statement. node-postgres calls this from `submit`, and sends nothing else on the connection until the
   * statement has ended.
   */
  prepare(connection: QueryConnection): void {
    let bindWritten = Promise.resolve();
    const afterBind = (send: () => void) => void bindWritten.then(send);
    const orderedConnection = {
      bind: (config: BindConfig) => (bindWritten = writeWithYields(connection.stream, bindMessage(config))),
      describe: (message: unknown) => afterBind(() => connection.describe(message)),
      execute: (message: unknown) => afterBind(() => connection.execute(message)),
      sync: () => afterBind(() => connection.sync()),
    };
    (pg.Query.prototype as unknown as LongTextQuery<Row>).prepare.call(
      this,
      Object.assign(Object.create(connection) as QueryConnection, orderedConnection),
    );
  }
}

/**
 * Writes chunks one after another, and yields to other work in between. Stops if the stream closes, because the stream
 * itself reports the error.
 */
async function writeWithYields(stream: Writable, chunks: readonly Buffer[]): Promise<void> {
  for (const batch of batches(chunks)) {
    if (!stream.writable) return;
    await new Promise<void>((resolve) => stream.write(batch, () => resolve()));
  }
}

/** Regroups the bytes into as few chunks of at most `WRITE_BYTES` as possible. */
function* batches(chunks: readonly Buffer[]): Generator<Buffer> {
  let small: Buffer[] = [];
  let bytes = 0;
  for (const chunk of chunks) {
    if (bytes > 0 && bytes + chunk.length > WRITE_BYTES) {
      yield Buffer.concat(small);
      [small, bytes] = [[], 0];
    }
    if (chunk.length <= WRITE_BYTES) {
      small.push(chunk);
      bytes += chunk.length;
    } else {
      for (let at = 0; at < chunk.length; at += WRITE_BYTES) yield chunk.subarray(at, at + WRITE_BYTES);
    }
  }
  if (bytes > 0) yield Buffer.concat(small);
}

/** Builds the chunks of a Bind message of PostgreSQL's protocol, with all values and results as text. */
function bindMessage({ portal = '', statement = '', values }: BindConfig): Buffer[] {
  const chunks: Buffer[] = [Buffer.from(`${portal}\0${statement}\0`), int16(0), int16(values.length)];
  for (const value of values) {
    if (value instanceof LongText) chunks.push(int32(value.byteLength), ...value.pieces);
    else if (value === null || value === undefined) chunks.push(int32(-1));
    else {
      const bytes = Buffer.from(textOf(value));
      chunks.push(int32(bytes.length), bytes);
    }
  }
  chunks.push(int16(0));
  const length = chunks.reduce((sum, chunk) => sum + chunk.length, 0);
  return [Buffer.from('B'), int32(4 + length), ...chunks];
}

/** Formats a value as text that PostgreSQL can parse. @throws TypeError for an unsupported type. */
function textOf(value: unknown): string {
  if (value instanceof Date) return value.toISOString();
  if (Array.isArray(value)) return `{${value.map((item: unknown) => arrayItem(item)).join()}}`;
  if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') return String(value);
  throw new TypeError('this value cannot be sent as text');
}

function arrayItem(item: unknown): string {
  if (typeof item !== 'string') throw new TypeError('only lists of strings can be sent');
  return `"${item.replaceAll(/["\\]/g, '\\$&')}"`;
}

function int16(value: number): Buffer {
  const bytes = Buffer.allocUnsafe(2);
  bytes.writeInt16BE(value);
  return bytes;
}

function int32(value: number): Buffer {
  const bytes = Buffer.allocUnsafe(4);
  bytes.writeInt32BE(value);
  return bytes;
}
