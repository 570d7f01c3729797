import type { ReactNode } from 'react';

/** The placeholder of an empty list, which explains why the list is empty and what to do about it. */
export function EmptyState({ title, children }: { title: string; children?: ReactNode }) {
  return (
    <div className="empty">
      <h2>{title}</h2>
      {children !== undefined && <div className="soft">{children}</div>}
    </div>
  );
}

/** A placeholder while data is loading. The placeholder appears after a delay to avoid flicker. */
export function Loading({ what }: { what: string }) {
  return (
    <div className="loading" role="status">
      <span className="loading-bar" aria-hidden="true" />
      <span>Loading {what}…</span>
    </div>
  );
}
