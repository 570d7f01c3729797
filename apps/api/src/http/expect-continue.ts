import type { IncomingMessage, ServerResponse } from 'node:http';

/** Requests whose client waits for a 100 response before it sends the body (RFC 9110, 10.1.1). */
const awaitingContinue = new WeakSet<IncomingMessage>();

/** Marks a request whose client waits for a 100 response. `sendContinue` sends the response when the body is read. */
export const markAwaitingContinue = (req: IncomingMessage): void => void awaitingContinue.add(req);

/** Whether the client still waits for a 100 response, in which case its body may never arrive. */
export const isAwaitingContinue = (req: IncomingMessage): boolean => awaitingContinue.has(req);

/** Sends a 100 response if the client waits for one. */
export function sendContinue(req: IncomingMessage, res: ServerResponse): void {
  if (!awaitingContinue.delete(req)) return;
  res.writeContinue();
}
