import express, { Router, type RequestHandler, type Response } from 'express';
import { stat } from 'node:fs/promises';
import { extname, join, normalize } from 'node:path';
import { toFileError } from '../http/file-refusal.js';
import { sendMethodNotAllowed } from '../http/problem.js';
import { closeWhenStalled, STALLED_MS_MAX } from '../http/stalled-readers.js';

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
export function createWebRouter(directory: string, stalledMsMax = STALLED_MS_MAX): Router {
  const router = Router();
  router.use((_req, res, next) => {
    res.once('pipe', () => closeWhenStalled(res, stalledMsMax));
    next();
  });
  router.use(HASHED, files(join(directory, HASHED), { 'Cache-Control': 'public, max-age=31536000, immutable' }));
  router.use(files(directory, { 'Cache-Control': 'no-cache' }));
  router.use(page(directory));
  router.use(refuseOtherMethods(directory));
  return router;
}

/** Answers 405 for a method that files do not have, where there is a file. */
function refuseOtherMethods(directory: string): RequestHandler {
  return async (req, res, next) => {
    const isRead = req.method === 'GET' || req.method === 'HEAD';
    const isFile = async () => (await stat(join(directory, normalize(`/${decodeURIComponent(req.path)}`)))).isFile();
    if (!isRead && !req.path.includes('%00') && (await isFile().catch(() => false))) {
      sendMethodNotAllowed(res, ['GET', 'HEAD']);
    } else next();
  };
}

/** What the build wrote compressed beside a file, the smallest first. */
const ENCODINGS = [
  { name: 'br', extension: '.br' },
  { name: 'gzip', extension: '.gz' },
] as const;

/** A folder's files, each in the smallest form that there is of it and that who asks can read. */
function files(directory: string, headers: Readonly<Record<string, string>>): RequestHandler {
  // By hand: `send` leaves a Cache-Control alone that is there already, and the application sets `no-store` first.
  const options = { index: false, redirect: false, cacheControl: false } as const;
  const setHeaders = (res: Response) => res.set(headers).vary('Accept-Encoding');
  const plain = express.static(directory, { ...options, setHeaders });
  const forms = ENCODINGS.map(({ name, extension }) => ({
    name,
    extension,
    serve: express.static(directory, {
      ...options,
      // Only once a file was found: a form that was never written leaves no trace.
      setHeaders: (res: Response, path) =>
        setHeaders(res)
          .set('Content-Encoding', name)
          .type(extname(path.slice(0, -extension.length))),
    }),
  }));

  return (req, res, next) => {
    const { url } = req;
    const accepted = forms.filter(({ name }) => req.acceptsEncodings(name) !== false);
    const tryForm = (index: number): void => {
      const form = accepted[index];
      req.url = form === undefined ? url : url.replace(/(?=\?|$)/, form.extension);
      (form?.serve ?? plain)(req, res, (error?: unknown) => {
        req.url = url;
        if (error !== undefined) next(toFileError(error));
        else if (form === undefined) next();
        else tryForm(index + 1);
      });
    };
    tryForm(0);
  };
}

function page(directory: string): RequestHandler {
  const serve = files(directory, PAGE_HEADERS);
  return (req, res, next) => {
    const reads = req.method === 'GET' || req.method === 'HEAD';
    if (!reads || !wantsHtml(req.headers.accept) || isNoPage(req.path)) {
      next();
      return;
    }
    const { url } = req;
    req.url = '/index.html';
    serve(req, res, (error?: unknown) => {
      req.url = url;
      next(error);
    });
  };
}

/** A browser says `text/html`; the anything that curl and scripts accept is not meant so. */
const wantsHtml = (accept = ''): boolean => /(^|[\s,])text\/html\b/i.test(accept);

const isNoPage = (path: string): boolean =>
  path === '/api' || path.startsWith('/api/') || path.startsWith(`${HASHED}/`);
