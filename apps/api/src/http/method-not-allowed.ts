import type { RequestHandler, Router } from 'express';
import { notFound, sendMethodNotAllowed } from './problem.js';

/**
 * Answers 405 with `Allow` if the path exists in these routers but not for the request's method. Paths and methods are
 * read from the routers, so new routes are covered.
 */
export const methodNotAllowed =
  (routers: readonly Router[]): RequestHandler =>
  (req, res, next) => {
    const allowed = new Set<string>();
    for (const { route, match } of routers.flatMap((router) => router.stack.map(asLayer))) {
      if (route === undefined || !match(req.path)) continue;
      for (const method of Object.keys(route.methods)) allowed.add(method.toUpperCase());
    }
    if (allowed.has('GET')) allowed.add('HEAD');
    if (allowed.size === 0) next();
    else sendMethodNotAllowed(res, [...allowed].sort());
  };

/**
 * Answers OPTIONS like any unsupported method. Express would answer 200; browsers ask with OPTIONS whether another site
 * may call, and none may.
 */
export const refuseOptions = (routers: readonly Router[]): RequestHandler => {
  const refuse = methodNotAllowed(routers);
  return (req, res, next) => {
    if (req.method !== 'OPTIONS') next();
    else void refuse(req, res, () => notFound(req, res, next));
  };
};

interface RouteLayer {
  route: { methods: Record<string, boolean> } | undefined;
  match: (path: string) => boolean;
}

/** Express's layers have `match`, but its types do not declare it. */
const asLayer = (layer: unknown): RouteLayer => {
  const { route } = layer as { route?: { methods: Record<string, boolean> } };
  return { route, match: (path) => (layer as { match: (path: string) => boolean }).match(path) };
};
