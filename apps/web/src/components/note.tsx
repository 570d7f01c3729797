import type { ReactNode } from 'react';

/** A note on a page. Its content wraps as one paragraph, even if it contains elements. */
export function Note({ kind, role, children }: { kind?: 'warning' | 'trouble'; role?: 'status'; children: ReactNode }) {
  return (
    <div className={kind === undefined ? 'note' : `note note-${kind}`} role={role}>
      <p>{children}</p>
    </div>
  );
}
