import { Link } from '@tanstack/react-router';
import type { ReactNode } from 'react';
import { focusQuickSearch } from '../lib/quick-search';
import { Button } from './button';

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

/** A message that a host or container does not exist, with ways to find another one. */
export function ItemNotFound({ what, children }: { what: string; children: ReactNode }): ReactNode {
  return (
    <div className="empty">
      <h1>{what} not found</h1>
      <p className="soft">{children}</p>
      <div className="actions">
        <Button kind="primary" onClick={focusQuickSearch}>
          Search
        </Button>
        <Link to="/hosts" className="button button-plain">
          All hosts
        </Link>
      </div>
    </div>
  );
}

/** The page for a URL that matches no route. */
export const NotFoundPage = (): ReactNode => (
  <main className="page">
    <NotFound />
  </main>
);
