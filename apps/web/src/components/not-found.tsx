import { Link } from '@tanstack/react-router';
import type { ReactNode } from 'react';

/** A message that the page does not exist, shown inside the layout. */
export function NotFound(): ReactNode {
  return (
    <div className="empty">
      <h1>Page not found</h1>
      <p className="soft">
        The link may be outdated. <Link to="/">Go to Fleet</Link>
      </p>
    </div>
  );
}

/** The page for a URL that matches no route. */
export const NotFoundPage = (): ReactNode => (
  <main className="page">
    <NotFound />
  </main>
);
