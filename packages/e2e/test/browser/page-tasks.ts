import type { Browser } from 'playwright-core';

/** A task of a page's main thread, which blocks the page until it ends. */
export interface PageTask {
  /** Milliseconds of wall-clock time. */
  lastedMs: number;
  /** Milliseconds of the thread's CPU time, which other processes affect little. */
  workedMs: number;
}

/** The fields of a trace event that are used. `dur` and `tdur` are microseconds; `tdur` is missing if it is 0. */
interface TraceEvent {
  name: string;
  pid: number;
  tid: number;
  dur?: number;
  tdur?: number;
  args: { name?: string };
}

/** Runs an action, and returns all tasks that the browser's pages had in the meantime. */
export async function pageTasksOf(browser: Browser, action: () => Promise<void>): Promise<PageTask[]> {
  await browser.startTracing(undefined, { categories: ['-*', 'toplevel'] });
  await action();
  const trace = await browser.stopTracing();
  const { traceEvents } = JSON.parse(trace.toString()) as { traceEvents: TraceEvent[] };
  const threadOf = ({ pid, tid }: TraceEvent): string => `${pid} ${tid}`;
  const isNameOfMain = ({ name, args }: TraceEvent): boolean =>
    name === 'thread_name' && args.name === 'CrRendererMain';
  const mains = new Set(traceEvents.filter(isNameOfMain).map(threadOf));
  return traceEvents
    .filter((event) => event.name === 'ThreadControllerImpl::RunTask' && mains.has(threadOf(event)))
    .map(({ dur = 0, tdur = 0 }) => ({ lastedMs: dur / 1_000, workedMs: tdur / 1_000 }));
}
