// A module that is loaded before a program: speeds up the monotonic clock and the timers by FAST_TIME_FACTOR. Request
// timeouts (`AbortSignal.timeout`) are not affected.
import { syncBuiltinESMExports } from 'node:module';
import timers from 'node:timers/promises';

const factor = Number(process.env.FAST_TIME_FACTOR);
const wait = timers.setTimeout;
timers.setTimeout = (ms, ...rest) => wait(ms / factor, ...rest);
syncBuiltinESMExports();

const now = performance.now.bind(performance);
Object.defineProperty(performance, 'now', { value: () => now() * factor });
