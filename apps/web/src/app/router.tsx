import type { QueryClient } from '@tanstack/react-query';
import {
  createRootRouteWithContext,
  createRoute,
  createRouter,
  lazyRouteComponent,
  Outlet,
  redirect,
  type ParsedLocation,
} from '@tanstack/react-router';
import { sessionQuery } from '../lib/api/queries';
import { Loading } from '../components/empty-state';
import { ErrorNote } from '../components/error-note';
import { parseContainerSearch } from '../features/containers/search';
import { parseEventSearch } from '../features/events/search';
import { prefetchFleet } from '../features/fleet/prefetch';
import { parseHostSearch, type HostSearch } from '../features/hosts/search';
import { parseWorkloadSearch } from '../features/workload/search';
import { NotFoundPage } from '../components/not-found';
import { BASE_PATH } from '../lib/base-path';
import { parseAll, parseFirst, parseSearch, stringifySearch } from '../lib/search-params';
import { Shell } from './shell';

interface Context {
  client: QueryClient;
}

/** Redirects to the sign-in page if there is no session. After sign-in, the user returns to the requested page. */
async function requireSession({
  context: { client },
  location,
}: {
  context: Context;
  location: ParsedLocation;
}): Promise<void> {
  const session = await client.query({ ...sessionQuery, staleTime: 'static' });
  // eslint-disable-next-line @typescript-eslint/only-throw-error -- the router redirects when an object is thrown
  if (session === null) throw redirect({ to: '/sign-in', search: { next: location.href } });
}

const root = createRootRouteWithContext<Context>()({ component: Outlet, notFoundComponent: NotFoundPage });

const signedInRoute = createRoute({
  getParentRoute: () => root,
  id: 'signed-in',
  component: Shell,
  beforeLoad: requireSession,
});

const signIn = createRoute({
  getParentRoute: () => root,
  path: '/sign-in',
  validateSearch: (search: Record<string, unknown>): { next?: string | undefined; why?: string | undefined } => ({
    next: parseFirst(search['next']),
    why: parseFirst(search['why']),
  }),
  component: lazyRouteComponent(() => import('../features/sign-in/sign-in-page'), 'SignInPage'),
});
const setup = createRoute({
  getParentRoute: () => root,
  path: '/setup',
  component: lazyRouteComponent(() => import('../features/sign-in/setup-page'), 'SetupPage'),
});
const invitation = createRoute({
  getParentRoute: () => root,
  path: '/invitation',
  component: lazyRouteComponent(() => import('../features/sign-in/invitation-page'), 'InvitationPage'),
});

const page = { getParentRoute: () => signedInRoute } as const;
const fleet = createRoute({
  ...page,
  path: '/',
  validateSearch: (search: Record<string, unknown>): Pick<HostSearch, 'hostLabel' | 'freshness'> => {
    const { hostLabel, freshness } = parseHostSearch(search);
    return { hostLabel, freshness };
  },
  // In earlier versions, a link to the fleet page could contain a filter by freshness. Such a link is redirected to the
  // list of hosts with the same filter.
  beforeLoad: ({ search }) => {
    const { freshness } = search;
    // eslint-disable-next-line @typescript-eslint/only-throw-error -- the router redirects when an object is thrown
    if (freshness !== undefined) throw redirect({ to: '/hosts', search: { freshness } });
  },
  loaderDeps: ({ search: { hostLabel } }) => ({ hostLabel }),
  loader: ({ context: { client }, deps: { hostLabel } }) => prefetchFleet(client, hostLabel),
  component: lazyRouteComponent(() => import('../features/fleet/fleet-page'), 'FleetPage'),
});
const containers = createRoute({
  ...page,
  path: '/containers',
  validateSearch: parseContainerSearch,
  component: lazyRouteComponent(() => import('../features/containers/containers-page'), 'ContainersPage'),
});
const hosts = createRoute({
  ...page,
  path: '/hosts',
  validateSearch: parseHostSearch,
  component: lazyRouteComponent(() => import('../features/hosts/hosts-page'), 'HostsPage'),
});
const host = createRoute({
  ...page,
  path: '/hosts/$hostId',
  component: lazyRouteComponent(() => import('../features/host/host-page'), 'HostPage'),
});
const container = createRoute({
  ...page,
  path: '/hosts/$hostId/containers/$dockerId',
  component: lazyRouteComponent(() => import('../features/container/container-page'), 'ContainerPage'),
});
const workload = createRoute({
  ...page,
  path: '/workload',
  validateSearch: parseWorkloadSearch,
  component: lazyRouteComponent(() => import('../features/workload/workload-page'), 'WorkloadPage'),
});
const images = createRoute({
  ...page,
  path: '/images',
  validateSearch: (search: Record<string, unknown>): { q?: string | undefined; hostLabel?: string[] | undefined } => ({
    q: parseFirst(search['q']),
    hostLabel: parseAll(search['hostLabel']),
  }),
  component: lazyRouteComponent(() => import('../features/images/images-page'), 'ImagesPage'),
});
const imageBuilds = createRoute({
  ...page,
  path: '/image-builds',
  validateSearch: (
    search: Record<string, unknown>,
  ): { image?: string | undefined; hostLabel?: string[] | undefined } => ({
    image: parseFirst(search['image']),
    hostLabel: parseAll(search['hostLabel']),
  }),
  component: lazyRouteComponent(() => import('../features/images/image-builds-page'), 'ImageBuildsPage'),
});
const ports = createRoute({
  ...page,
  path: '/ports',
  validateSearch: (
    search: Record<string, unknown>,
  ): { port?: string | undefined; type?: string[] | undefined; hostLabel?: string[] | undefined } => ({
    port: parseFirst(search['port']),
    type: parseAll(search['type']),
    hostLabel: parseAll(search['hostLabel']),
  }),
  component: lazyRouteComponent(() => import('../features/ports/ports-page'), 'PortsPage'),
});
const events = createRoute({
  ...page,
  path: '/events',
  validateSearch: parseEventSearch,
  component: lazyRouteComponent(() => import('../features/events/events-page'), 'EventsPage'),
});
const addHost = createRoute({
  ...page,
  path: '/add-host',
  component: lazyRouteComponent(() => import('../features/add-host/add-host-page'), 'AddHostPage'),
});
const settings = createRoute({
  ...page,
  path: '/settings/$section',
  component: lazyRouteComponent(() => import('../features/settings/settings-page'), 'SettingsPage'),
});

// The routes are declared as variables, because TypeScript would not infer the exact types of routes that are created
// inside this array.
const pages = [
  fleet,
  hosts,
  containers,
  host,
  container,
  workload,
  images,
  imageBuilds,
  ports,
  events,
  addHost,
  settings,
] as const;
const routes = root.addChildren([signIn, setup, invitation, signedInRoute.addChildren(pages)]);

/** Creates the router. A page's script is loaded when the user first opens the page or points at a link to it. */
export const createAppRouter = (client: QueryClient) =>
  createRouter({
    routeTree: routes,
    context: { client },
    basepath: BASE_PATH,
    parseSearch,
    stringifySearch,
    defaultPreload: 'intent',
    defaultPendingMs: 300,
    defaultPendingComponent: () => <Loading what="the page" />,
    defaultErrorComponent: ({ error, reset }) => (
      <main className="page">
        <ErrorNote error={error instanceof Error ? error : new Error(String(error))} onRetry={reset} />
      </main>
    ),
    defaultNotFoundComponent: NotFoundPage,
    scrollRestoration: true,
  });

declare module '@tanstack/react-router' {
  interface Register {
    router: ReturnType<typeof createAppRouter>;
  }
}
