import { Link } from '@tanstack/react-router';
import type { ReactNode } from 'react';

/** Says, within a page, that the address leads nowhere. */
export function NotFound(): ReactNode {
  return (
    <div className="empty">
      <h1>There is nothing at this address</h1>
      <p className="soft">
        It may be an old link, or a typo. <Link to="/">To the fleet</Link>
      </p>
    </div>
  );
}

/** The whole page, where the address is none of ours. */
export const NotFoundPage = (): ReactNode => (
  <main className="page">
    <NotFound />
  </main>
);
