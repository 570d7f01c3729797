import type { ReactNode } from 'react';

/** What stands where a list would, if it had anything: why it is empty, and what to do about it. */
export function Empty({ title, children }: { title: string; children?: ReactNode }) {
  return (
    <div className="empty">
      <h2>{title}</h2>
      {children !== undefined && <div className="soft">{children}</div>}
    </div>
  );
}

/** Room for what is being read, drawn late so that what comes at once does not flicker. */
export function Loading({ what }: { what: string }) {
  return (
    <div className="loading" role="status">
      <span className="loading-bar" aria-hidden="true" />
      <span>Reading {what} …</span>
    </div>
  );
}
