import type { RequestHandler } from 'express';
import { notFound, sendMethodNotAllowed } from './problem.js';
import type { Route } from './route.js';

/**
 * Responds with 405 and `Allow` if routes exist for the request's path, but none of these routes has the request's
 * method.
 */
export function methodNotAllowed(routes: readonly Route[]): RequestHandler {
  const allowedByPath = allowedMethods(routes);
  return (req, res, next) => {
    const allowedRoute = allowedByPath.find(({ pattern }) => pattern.test(req.path));
    if (allowedRoute === undefined) {
      next();
      return;
    }
    // Throws if the percent-encoding is malformed. The response is then 400, as for any method.
    decodeURIComponent(req.path);
    sendMethodNotAllowed(res, allowedRoute.methods);
  };
}

/**
 * Responds to OPTIONS as to any unsupported method. Express would respond with 200. Browsers send OPTIONS to ask
 * whether another site may call this API, and no other site may.
 */
export function refuseOptionsMethod(routes: readonly Route[]): RequestHandler {
  const refuse = methodNotAllowed(routes);
  return (req, res, next) => {
    if (req.method !== 'OPTIONS') next();
    else void refuse(req, res, () => notFound(req, res, next));
  };
}

/** Returns the methods of each path, and a pattern that matches the same paths as Express. */
function allowedMethods(routes: readonly Route[]): { pattern: RegExp; methods: string[] }[] {
  const paths = [...new Set(routes.map(({ endpoint }) => endpoint.path))];
  return paths.map((path) => {
    const methods = routes.filter(({ endpoint }) => endpoint.path === path).map(({ endpoint }) => endpoint.method);
    const escaped = path.replaceAll('.', String.raw`\.`).replace(/:\w+/g, '[^/]+');
    return {
      pattern: new RegExp(`^${escaped}/?$`, 'i'),
      methods: (methods.includes('GET') ? [...methods, 'HEAD'] : [...methods]).sort(),
    };
  });
}
