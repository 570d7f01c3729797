import express, { Router, type Request, type RequestHandler, type Response } from 'express';
import { readFile, stat } from 'node:fs/promises';
import { extname, join, normalize } from 'node:path';
import { toFileError } from '../http/send-file.js';
import { sendMethodNotAllowed } from '../http/problem.js';
import { closeIfReaderStalls, STALLED_MS_MAX } from '../http/close-if-reader-stalls.js';

/** The path of files that the build names after a hash of their content, so that clients may cache them forever. */
const HASHED_FILES_PATH = '/assets';

/**
 * The policy allows the page to load and run only files of this server. The page has no inline scripts or styles, so
 * markup in a container's name or label never runs.
 */
const PAGE_CSP = [
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
  'Content-Security-Policy': PAGE_CSP,
  'Cross-Origin-Opener-Policy': 'same-origin',
  Vary: 'Accept',
};

/**
 * Serves the dashboard built into `directory`. Returns the page for every path that no other route handles, because the
 * dashboard routes such paths in the browser. At paths other than `/`, only clients that ask for HTML receive the page.
 * Files are looked up at each request, because the dashboard may be built after the API has started, or never.
 * `basePath` is the path of the public URL.
 */
export function createWebRouter(directory: string, basePath: string, stalledMsMax = STALLED_MS_MAX): Router {
  const router = Router();
  router.use((_req, res, next) => {
    res.once('pipe', () => closeIfReaderStalls(res, stalledMsMax));
    next();
  });
  router.use(
    HASHED_FILES_PATH,
    serveFiles(join(directory, HASHED_FILES_PATH), { 'Cache-Control': 'public, max-age=31536000, immutable' }),
  );
  if (basePath !== '') router.use('/index.html', servePageWithBasePath(basePath, directory));
  router.use(serveFiles(directory, { 'Cache-Control': 'no-cache' }));
  router.use(
    servePage(basePath === '' ? serveFiles(directory, PAGE_HEADERS) : servePageWithBasePath(basePath, directory)),
  );
  router.use(refuseOtherMethods(directory));
  return router;
}

/** Responds with 405 for a method other than GET and HEAD if the path is a file. */
function refuseOtherMethods(directory: string): RequestHandler {
  return async (req, res, next) => {
    const isRead = req.method === 'GET' || req.method === 'HEAD';
    const isFile = async () => (await stat(join(directory, normalize(`/${decodeURIComponent(req.path)}`)))).isFile();
    if (!isRead && !req.path.includes('%00') && (await isFile().catch(() => false))) {
      sendMethodNotAllowed(res, ['GET', 'HEAD']);
    } else next();
  };
}

/** The encodings of the compressed copies that the build writes next to each file, smallest first. */
const ENCODINGS = [
  { name: 'br', extension: '.br' },
  { name: 'gzip', extension: '.gz' },
] as const;

/** Serves a directory's files, each in the smallest encoding that exists and that the client accepts. */
function serveFiles(directory: string, headers: Readonly<Record<string, string>>): RequestHandler {
  // Headers are set here, because `send` does not replace an existing Cache-Control, and the app sets `no-store` first.
  const options = { index: false, redirect: false, cacheControl: false } as const;
  const setHeaders = (res: Response) => res.set(headers).vary('Accept-Encoding');
  const plain = express.static(directory, { ...options, setHeaders });
  const encodings = ENCODINGS.map(({ name, extension }) => ({
    name,
    extension,
    serve: express.static(directory, {
      ...options,
      // Called only if the file exists, so a missing encoding sets no headers.
      setHeaders: (res: Response, path) =>
        setHeaders(res)
          .set('Content-Encoding', name)
          .type(extname(path.slice(0, -extension.length))),
    }),
  }));

  return (req, res, next) => {
    const { url } = req;
    const accepted = encodings.filter(({ name }) => req.acceptsEncodings(name) !== false);
    const tryEncoding = (index: number): void => {
      const encoding = accepted[index];
      req.url = encoding === undefined ? url : url.replace(/(?=\?|$)/, encoding.extension);
      (encoding?.serve ?? plain)(req, res, (error?: unknown) => {
        req.url = url;
        if (error !== undefined) next(toFileError(error));
        else if (encoding === undefined) next();
        else tryEncoding(index + 1);
      });
    };
    tryEncoding(0);
  };
}

/**
 * Serves the page with a base path in its URLs. The build contains the page without a base path. The other files need
 * no change, because each URL in them is relative to the file itself.
 */
function servePageWithBasePath(basePath: string, directory: string): RequestHandler {
  return async (req, res, next) => {
    if (req.method !== 'GET' && req.method !== 'HEAD') {
      next();
      return;
    }
    let page: string;
    try {
      page = await readFile(join(directory, 'index.html'), 'utf8');
    } catch (error) {
      next((error as NodeJS.ErrnoException).code === 'ENOENT' ? undefined : error);
      return;
    }
    // The base path has only characters that need no escaping (env.ts).
    const pageWithBasePath = page
      .replaceAll(/ (href|src)="\//g, ` $1="${basePath}/`)
      .replace('<meta name="base-path" content="" />', `<meta name="base-path" content="${basePath}" />`);
    res.set(PAGE_HEADERS).type('html').send(pageWithBasePath);
  };
}

/** Calls `serve` if the client wants the page. */
function servePage(serve: RequestHandler): RequestHandler {
  return (req, res, next) => {
    const isPageRead = req.method === 'GET' || req.method === 'HEAD';
    if (!isPageRead || !wantsPage(req) || isReservedPath(req.path)) {
      next();
      return;
    }
    const { url } = req;
    req.url = '/index.html';
    void serve(req, res, (error?: unknown) => {
      req.url = url;
      next(error);
    });
  };
}

/**
 * Whether to respond with the page. At `/`, every client that does not prefer JSON gets the page, because health checks
 * and link previews send a wildcard or no Accept. At other paths, a client gets the page only if its Accept header
 * contains `text/html`, as the header of a browser does. A script with a wrong path therefore gets 404.
 */
const wantsPage = (req: Request): boolean =>
  req.path === '/' ? req.accepts(['html', 'json']) === 'html' : /(^|[\s,])text\/html\b/i.test(req.headers.accept ?? '');

const isReservedPath = (path: string): boolean =>
  path === '/api' || path.startsWith('/api/') || path.startsWith(`${HASHED_FILES_PATH}/`);
