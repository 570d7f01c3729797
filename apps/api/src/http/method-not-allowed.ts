import type { RequestHandler } from 'express';
import { notFound, sendMethodNotAllowed } from './problem.js';
import type { Route } from './route.js';

/** Answers 405 with `Allow` if a route has the request's path, but none has its method as well. */
export function methodNotAllowed(routes: readonly Route[]): RequestHandler {
  const allowed = allowedMethods(routes);
  return (req, res, next) => {
    const found = allowed.find(({ pattern }) => pattern.test(req.path));
    if (found === undefined) {
      next();
      return;
    }
    // Throws if the percent-encoding is malformed, which is a 400 for every method.
    decodeURIComponent(req.path);
    sendMethodNotAllowed(res, found.methods);
  };
}

/**
 * Answers OPTIONS like any unsupported method. Express would answer 200; browsers ask with OPTIONS whether another site
 * may call, and none may.
 */
export function refuseOptions(routes: readonly Route[]): RequestHandler {
  const refuse = methodNotAllowed(routes);
  return (req, res, next) => {
    if (req.method !== 'OPTIONS') next();
    else void refuse(req, res, () => notFound(req, res, next));
  };
}

/** The methods of each path, and a pattern that matches the same paths as Express. */
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
