import { Paths } from '@muster/contracts';
import { Router } from 'express';
import { createRequire } from 'node:module';
import { dirname } from 'node:path';
import { toFileError } from '../http/file-refusal.js';
import { sendMethodNotAllowed } from '../http/problem.js';
import { createOpenApiDocument } from '../openapi/document.js';

/** What the page is made of, by others: its files stay as they are for as long as their version does. */
const require = createRequire(import.meta.url);
const SWAGGER_UI = dirname(require.resolve('swagger-ui-dist/package.json'));
const SWAGGER_UI_FILES = ['swagger-ui.css', 'swagger-ui-bundle.js'];
const { version: SWAGGER_UI_VERSION } = require('swagger-ui-dist/package.json') as { version: string };
const ASSETS = `${Paths.docs}/swagger-ui-${SWAGGER_UI_VERSION}`;
const START = `${Paths.docs}/start.js`;

/** It runs and loads what comes from here. Swagger UI has its icons in its style sheet, as data. */
const PAGE_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data:",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join(';');

const PAGE = `<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8" />
    <meta name="viewport" content="width=device-width, initial-scale=1" />
    <title>Muster: the API</title>
    <link rel="icon" href="data:," />
    <link rel="stylesheet" href="${ASSETS}/swagger-ui.css" />
    <script src="${ASSETS}/swagger-ui-bundle.js" defer></script>
    <script src="${START}" defer></script>
  </head>
  <body>
    <main id="docs"></main>
    <noscript>This page needs JavaScript; <a href="${Paths.openApi}">the document</a> that it shows does not.</noscript>
  </body>
</html>
`;

const START_SCRIPT = `SwaggerUIBundle({
  url: ${JSON.stringify(Paths.openApi)},
  dom_id: '#docs',
  deepLinking: true,
  docExpansion: 'list',
  defaultModelsExpandDepth: 0,
  displayOperationId: true,
  filter: true,
  // Would ask another site whether the document is valid.
  validatorUrl: null,
});
`;

/** The API in the words of OpenAPI: for programs, and as a page on which each call can be tried. */
export function createDocumentationRouter(): Router {
  const router = Router();
  let text: string | null = null;

  router.get(Paths.openApi, (_req, res) => {
    // Only where it is asked for: it takes some milliseconds, and is the same until the next version.
    text ??= JSON.stringify(createOpenApiDocument());
    res.set('Cache-Control', 'no-cache').type('application/json').send(text);
  });
  router.get(Paths.docs, (_req, res) => {
    res.set({ 'Cache-Control': 'no-cache', 'Content-Security-Policy': PAGE_POLICY }).type('html').send(PAGE);
  });
  router.get(START, (_req, res) => {
    res.set('Cache-Control', 'no-cache').type('text/javascript').send(START_SCRIPT);
  });
  // These two alone: the package has much more, maps of its source among it.
  for (const file of SWAGGER_UI_FILES) {
    router.use(`${ASSETS}/${file}`, (req, res, next) => {
      if (req.path !== '/') {
        next();
        return;
      }
      if (req.method !== 'GET' && req.method !== 'HEAD') {
        sendMethodNotAllowed(res, ['GET', 'HEAD']);
        return;
      }
      res.set('Cache-Control', 'public, max-age=31536000, immutable');
      res.sendFile(`${SWAGGER_UI}/${file}`, { cacheControl: false, dotfiles: 'allow' }, (error?: unknown) => {
        if (error !== undefined) next(toFileError(error));
      });
    });
  }
  return router;
}
