import type { RequestHandler, Router } from 'express';
import { sendMethodNotAllowed } from './problem.js';

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

interface RouteLayer {
  route: { methods: Record<string, boolean> } | undefined;
  match: (path: string) => boolean;
}

/** Express's layers match a path, but its types do not say so. */
const asLayer = (layer: unknown): RouteLayer => {
  const { route } = layer as { route?: { methods: Record<string, boolean> } };
  return { route, match: (path) => (layer as { match: (path: string) => boolean }).match(path) };
};
