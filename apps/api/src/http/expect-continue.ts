import type { IncomingMessage, ServerResponse } from 'node:http';

/** Requests whose client waits for a 100 before it sends the body (RFC 9110, 10.1.1). */
const waiting = new WeakSet<IncomingMessage>();

/** Marks that the client waits for a 100. It is sent when the body is read, so a refused request gets none. */
export const awaitContinue = (req: IncomingMessage): void => void waiting.add(req);

/** Whether the client still waits for a 100, so that its body may never arrive. */
export const isAwaitingContinue = (req: IncomingMessage): boolean => waiting.has(req);

/** Sends the 100 if the client waits for one. */
export function sendContinue(req: IncomingMessage, res: ServerResponse): void {
  if (!waiting.delete(req)) return;
  res.writeContinue();
}
