import { startChild, type Child } from './child.js';

/** A part of the demo failed: the message is for the person who runs it. */
export class DemoError extends Error {
  override readonly name = 'DemoError';
}

/** Several programs of which none may end before the demo does. */
export interface Supervisor {
  start(name: string, program: string, args: readonly string[], env: Record<string, string>): Child;
  /** Rejects with a `DemoError` when a program ends by itself; never resolves. */
  readonly failed: Promise<never>;
  /** Ends what was started last first, all but the very first at once, so that no client reports its server's going. */
  stop(): Promise<void>;
  /** Ends everything at once, for a moment that leaves no time. */
  kill(): void;
}

/** A supervisor of nothing yet. */
export function createSupervisor(): Supervisor {
  const children: Child[] = [];
  let isStopping = false;
  let fail: (error: DemoError) => void;
  const failed = new Promise<never>((_, reject) => (fail = reject));
  // Whoever awaits it hears of it; while nobody does, it is no unhandled rejection.
  failed.catch(() => undefined);
  return {
    failed,
    start(...args) {
      const child = startChild(...args);
      children.push(child);
      void child.ended.then((message) => {
        if (!isStopping) fail(new DemoError(message));
      });
      return child;
    },
    async stop() {
      isStopping = true;
      const [first, ...others] = children;
      await Promise.all(others.map((child) => child.stop()));
      await first?.stop();
    },
    kill: () => children.forEach((child) => child.kill()),
  };
}
