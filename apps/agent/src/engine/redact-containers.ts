import { setImmediate as yieldToEventLoop } from 'node:timers/promises';
import { fitContainer, type Container } from '@muster/contracts';
import type { Logger } from 'pino';
import { createRedactor, type RedactionPatterns } from './redact.js';

/** Maximum time, in milliseconds, for which the search for secrets blocks heartbeats and events. */
const YIELD_INTERVAL_MS = 20;

/**
 * Returns a function that redacts text that matches the patterns, and shortens containers to the limits of a snapshot.
 * The function processes containers in the order of their ids, so that equal states give equal results even if a limit
 * is reached.
 */
export function createContainerRedaction(patterns: RedactionPatterns, log: Pick<Logger, 'warn'>) {
  let isLimited = false;
  return async (containers: Container[]): Promise<Container[]> => {
    const redactor = createRedactor(patterns);
    const redacted: Container[] = [];
    let yieldedAt = performance.now();
    for (const container of containers.sort((a, b) => (a.dockerId < b.dockerId ? -1 : 1))) {
      // A truncated secret would not be found, so fields are shortened after the search.
      redacted.push(fitContainer(redactor.redact(container)));
      if (performance.now() - yieldedAt < YIELD_INTERVAL_MS) continue;
      await yieldToEventLoop();
      yieldedAt = performance.now();
    }
    const texts = redactor.withheldCount();
    const isNewlyLimited = texts > 0 && !isLimited;
    isLimited = texts > 0;
    if (isNewlyLimited) log.warn({ texts }, 'too much text to search for secrets: the rest is sent as [redacted]');
    return redacted;
  };
}
