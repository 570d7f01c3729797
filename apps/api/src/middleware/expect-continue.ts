import type { IncomingMessage, ServerResponse } from 'node:http';

/** Requests whose client waits for a 100 before it sends the body (RFC 9110, 10.1.1). */
const waiting = new WeakSet<IncomingMessage>();

/** Notes that the client waits. Its 100 comes when the body is read: one that is refused is refused without it. */
export const awaitContinue = (req: IncomingMessage): void => void waiting.add(req);

/** Whether the client still waits, so that its body may never come. */
export const isAwaitingContinue = (req: IncomingMessage): boolean => waiting.has(req);

/** Asks for the body, if its client waits to be asked. */
export function sendContinue(req: IncomingMessage, res: ServerResponse): void {
  if (!waiting.delete(req)) return;
  res.writeContinue();
}
