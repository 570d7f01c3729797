import type { Express } from 'express';

interface Layer {
  route?: { path: string; methods: Record<string, boolean> };
  handle: { stack?: Layer[] };
}

const routesIn = (stack: readonly Layer[]): string[] =>
  stack.flatMap(({ route, handle }) =>
    route === undefined
      ? routesIn(handle.stack ?? [])
      : Object.keys(route.methods).map((method) => `${method.toUpperCase()} ${route.path}`),
  );

/** Returns the routes of the application, including those of its routers: `GET /api/hosts/:hostId` and so on. */
export const routesOf = (app: Express): string[] =>
  routesIn((app as Express & { router: { stack: Layer[] } }).router.stack);
