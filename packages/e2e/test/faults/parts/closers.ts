import { withDisposables, type Use } from '@muster/testkit';

/** The resources of a test. When the test ends, they are closed in reverse order. */
export interface Closers {
  /** Registers how to close a resource, and returns the resource. */
  add: Use;
}

/** Runs `action`, and then closes all resources that it added, even if something fails. */
export const withClosers = <T>(action: (closers: Closers) => Promise<T>): Promise<T> =>
  withDisposables((add) => action({ add }));
