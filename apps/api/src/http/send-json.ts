import type { Response } from 'express';

/**
 * Answers 200 with JSON that is not cached. Unlike `res.json`, it computes no ETag and writes once, because these
 * answers are sent thousands of times a second.
 */
export function sendJson(res: Response, value: object): void {
  const text = JSON.stringify(value);
  res.setHeader('Content-Type', 'application/json; charset=utf-8');
  res.setHeader('Content-Length', Buffer.byteLength(text));
  res.end(text);
}
