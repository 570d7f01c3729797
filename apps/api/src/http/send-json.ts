import type { Response } from 'express';

/**
 * Answers 200 with JSON that nobody keeps. As `res.json` does, without an ETag of it, and in one write: these answers go
 * out thousands of times a second.
 */
export function sendJson(res: Response, value: object): void {
  const text = JSON.stringify(value);
  res.setHeader('Content-Type', 'application/json; charset=utf-8');
  res.setHeader('Content-Length', Buffer.byteLength(text));
  res.end(text);
}
