import express, { Router, type RequestHandler } from 'express';
import type { ServerResponse } from 'node:http';
import { join } from 'node:path';

/** The build names these by their content: whoever has one need never ask for it again. */
const HASHED = '/assets';

/**
 * What the dashboard's page may do: run and load what comes from here, and nothing else. No script or style stands in
 * the page itself, so what somebody smuggles into a container's name or label is never run.
 */
const PAGE_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "font-src 'self'",
  "img-src 'self'",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'self'",
  "frame-ancestors 'none'",
].join(';');

const PAGE_HEADERS = {
  'Cache-Control': 'no-cache',
  'Content-Security-Policy': PAGE_POLICY,
  'Cross-Origin-Opener-Policy': 'same-origin',
  Vary: 'Accept',
};

/**
 * The dashboard, as it was built into `directory`. Its page answers every path that a browser goes to and no call
 * lives at, for the paths inside it are its own affair; whoever does not accept HTML gets no page. Files are looked for
 * at each request: a build may come after the start, or never, and then the API is alone.
 */
export function createWebRouter(directory: string): Router {
  const files = { index: false, redirect: false } as const;
  const router = Router();
  // By hand: `send` leaves a Cache-Control alone that is there already, and the application sets `no-store` first.
  const keeping = (cacheControl: string) => ({
    ...files,
    cacheControl: false,
    setHeaders: (res: ServerResponse) => res.setHeader('Cache-Control', cacheControl),
  });
  router.use(HASHED, express.static(join(directory, HASHED), keeping('public, max-age=31536000, immutable')));
  router.use(express.static(directory, keeping('no-cache')));
  router.use(page(directory));
  return router;
}

const page =
  (directory: string): RequestHandler =>
  (req, res, next) => {
    const reads = req.method === 'GET' || req.method === 'HEAD';
    if (!reads || !wantsHtml(req.headers.accept) || isNoPage(req.path)) {
      next();
      return;
    }
    // Not by its whole path: `send` takes a folder with a dot before its name for a secret.
    const options = { root: directory, cacheControl: false, headers: PAGE_HEADERS };
    res.sendFile('index.html', options, (error) => {
      if (error !== undefined) next((error as { status?: number }).status === 404 ? undefined : error);
    });
  };

/** A browser says `text/html`; the anything that curl and scripts accept is not meant so. */
const wantsHtml = (accept = ''): boolean => /(^|[\s,])text\/html\b/i.test(accept);

const isNoPage = (path: string): boolean =>
  path === '/api' || path.startsWith('/api/') || path.startsWith(`${HASHED}/`);
