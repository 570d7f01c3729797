import type { RequestHandler, Router } from 'express';
import { notFound, sendMethodNotAllowed } from './problem.js';

/**
 * Answers 405 with `Allow` where a path of these routers exists, but not for the request's method. It asks the
 * routers themselves, so a new route needs nothing said here.
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
 * Answers OPTIONS as any method that is not taken, in place of Express, which would answer it with a 200: a browser asks
 * so whether another site may call, and gets no leave.
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

/** Express's layers match a path, but its types do not say so. */
const asLayer = (layer: unknown): RouteLayer => {
  const { route } = layer as { route?: { methods: Record<string, boolean> } };
  return { route, match: (path) => (layer as { match: (path: string) => boolean }).match(path) };
};
