/**
 * Sends statements whose values are long. node-postgres joins the values of a statement to one message, in buffers that it
 * copies each time they grow: 25 MB hold the event loop for 30 ms, during which no other request is answered.
 */
import type { Writable } from 'node:stream';

import pg from 'pg';

import { LongText } from './long-text.js';

/** The parts of node-postgres's `Connection` that its `Query` uses to send a statement; pg 8.23.1. */
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
  /** Milliseconds after which the statement fails on this side. */
  query_timeout: number;
}

/** As `client.query`, for values that may be a LongText: it is written to the socket piece by piece. */
export function queryLong<Row extends pg.QueryResultRow>(client: pg.ClientBase, statement: LongStatement) {
  return new Promise<pg.QueryResult<Row>>((resolve, reject) => {
    const query = new LongTextQuery<Row>(statement, (error: Error | undefined | null, result) => {
      if (error) reject(error);
      else resolve(result);
    });
    // Where node-postgres looks for it on a query of one's own.
    client.query(Object.assign(query, { query_timeout: statement.query_timeout }));
  });
}

/** Bytes that are handed to the socket at once: the system copies them, which takes a part of a millisecond. */
const WRITE_BYTES = 256 * 1024;

class LongTextQuery<Row extends pg.QueryResultRow> extends pg.Query<Row> {
  /** Called by `submit`. Nothing else is sent on the connection before the statement has ended. */
  prepare(connection: QueryConnection): void {
    let bound = Promise.resolve();
    const afterBind = (send: () => void) => void bound.then(send);
    const inOrder = {
      bind: (config: BindConfig) => (bound = writeInTurns(connection.stream, bindMessage(config))),
      describe: (message: unknown) => afterBind(() => connection.describe(message)),
      execute: (message: unknown) => afterBind(() => connection.execute(message)),
      sync: () => afterBind(() => connection.sync()),
    };
    (pg.Query.prototype as unknown as LongTextQuery<Row>).prepare.call(
      this,
      Object.assign(Object.create(connection) as QueryConnection, inOrder),
    );
  }
}

/** Writes chunks one after the other; other work goes on in between. A stream that closes has its own error. */
async function writeInTurns(stream: Writable, chunks: readonly Buffer[]): Promise<void> {
  for (const batch of batches(chunks)) {
    if (!stream.writable) return;
    await new Promise<void>((resolve) => stream.write(batch, () => resolve()));
  }
}

/** The same bytes in chunks of at most `WRITE_BYTES`, as few as that takes. */
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

/** The message Bind of PostgreSQL's protocol, all values as text and all results too, in chunks. */
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

/** A value as PostgreSQL reads it from text. @throws TypeError for one that no such statement has. */
function textOf(value: unknown): string {
  if (value instanceof Date) return value.toISOString();
  if (Array.isArray(value)) return `{${value.map((item: unknown) => arrayItem(item)).join()}}`;
  if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') return String(value);
  throw new TypeError('a value that cannot be sent as text');
}

function arrayItem(item: unknown): string {
  if (typeof item !== 'string') throw new TypeError('only lists of texts can be sent');
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
