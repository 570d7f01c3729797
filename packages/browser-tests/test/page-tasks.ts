import type { Browser } from 'playwright-core';

/** A task of a page's main thread: nothing else happens on the page until it ends. */
export interface PageTask {
  /** Milliseconds by the clock: as long as somebody waited. */
  lastedMs: number;
  /** Milliseconds that the thread worked: what the page asks for, whatever else the machine does meanwhile. */
  workedMs: number;
}

/** What is read of a trace: `dur` and `tdur` are microseconds, and `tdur` is missing where it is 0. */
interface TraceEvent {
  name: string;
  pid: number;
  tid: number;
  dur?: number;
  tdur?: number;
  args: { name?: string };
}

/** Does something, and tells of all tasks that the browser's pages had meanwhile. */
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
