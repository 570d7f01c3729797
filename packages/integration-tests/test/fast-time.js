// Preloaded into a process: its monotonic clock and its waits are so many times as fast as FAST_TIME_FACTOR says.
// Time limits of calls are not: `AbortSignal.timeout` keeps the machine's time.
import { syncBuiltinESMExports } from 'node:module';
import timers from 'node:timers/promises';

const factor = Number(process.env.FAST_TIME_FACTOR);
const wait = timers.setTimeout;
timers.setTimeout = (ms, ...rest) => wait(ms / factor, ...rest);
syncBuiltinESMExports();

const now = performance.now.bind(performance);
Object.defineProperty(performance, 'now', { value: () => now() * factor });
