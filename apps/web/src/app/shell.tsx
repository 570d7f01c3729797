import { useQuery } from '@tanstack/react-query';
import { Outlet, useNavigate, useRouterState } from '@tanstack/react-router';
import { useEffect, useRef, type ReactNode } from 'react';
import { sessionQuery } from '../lib/api/queries';
import { withoutBasePath } from '../lib/base-path';
import { DistinctionsProvider } from '../components/host-name';
import { LiveProvider } from '../lib/api/live';
import { LiveBadge } from './live-badge';
import { Navigation } from './navigation';
import { QuickSearch } from './quick-search';
import { UserMenu } from './user-menu';

/** The layout of every page that needs a session. */
export function Shell(): ReactNode {
  const { data: session } = useQuery(sessionQuery);
  const navigate = useNavigate();
  const hasSessionEnded = session === null;

  useEffect(() => {
    if (!hasSessionEnded) return;
    const { pathname, search } = window.location;
    void navigate({ to: '/sign-in', search: { next: `${withoutBasePath(pathname)}${search}`, why: 'ended' } });
  }, [hasSessionEnded, navigate]);

  if (!session) return null;
  return (
    <LiveProvider>
      <DistinctionsProvider>
        <a className="skip-link" href="#content">
          Skip to content
        </a>
        <div className="shell">
          <Navigation />
          <header className="bar">
            <QuickSearch />
            <LiveBadge />
            <UserMenu session={session} />
          </header>
          <Content />
        </div>
      </DistinctionsProvider>
    </LiveProvider>
  );
}

function Content() {
  const pathname = useRouterState({
    select: ({ resolvedLocation, location }) => (resolvedLocation ?? location).pathname,
  });
  const main = useRef<HTMLElement>(null);
  const previousPathname = useRef(pathname);
  useEffect(() => {
    // Moves the focus to the new page, so that screen readers announce it. There are two exceptions. The focus is not
    // moved to the first page. It is also not moved away from an input that opened the page, such as the search field.
    const isInputFocused = document.activeElement instanceof HTMLInputElement;
    if (previousPathname.current !== pathname && !isInputFocused) main.current?.focus({ preventScroll: true });
    previousPathname.current = pathname;
  }, [pathname]);
  return (
    <main id="content" ref={main} tabIndex={-1} className="page">
      <Outlet />
    </main>
  );
}
