import { Operations, Paths } from '@muster/contracts';
import { Router } from 'express';
import { createRequire } from 'node:module';
import { dirname } from 'node:path';
import { sendFile } from '../http/send-file.js';
import { sendMethodNotAllowed } from '../http/problem.js';
import { route, type Route } from '../http/route.js';
import { createOpenApiDocument } from '../openapi/document.js';

/**
 * The files of Swagger UI never change within a version. Their path contains the version, so that browsers may cache
 * the files forever.
 */
const require = createRequire(import.meta.url);
const SWAGGER_UI = dirname(require.resolve('swagger-ui-dist/package.json'));
const SWAGGER_UI_FILES = ['swagger-ui.css', 'swagger-ui-bundle.js'];
const { version: SWAGGER_UI_VERSION } = require('swagger-ui-dist/package.json') as { version: string };
const ASSETS_PATH = `${Paths.docs}/swagger-ui-${SWAGGER_UI_VERSION}`;
const START_SCRIPT_PATH = `${Paths.docs}/start.js`;

/** The page's policy allows only files of this server, and data: URLs for the icons in Swagger UI's style sheet. */
const PAGE_CSP = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data:",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join(';');

const pageOf = (basePath: string): string => `<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8" />
    <meta name="viewport" content="width=device-width, initial-scale=1" />
    <title>Muster API</title>
    <link rel="icon" href="data:," />
    <link rel="stylesheet" href="${basePath}${ASSETS_PATH}/swagger-ui.css" />
    <script src="${basePath}${ASSETS_PATH}/swagger-ui-bundle.js" defer></script>
    <script src="${basePath}${START_SCRIPT_PATH}" defer></script>
  </head>
  <body>
    <main id="docs"></main>
    <noscript>This page needs JavaScript. The <a href="${basePath}${Paths.openApi}">OpenAPI document</a> does not.</noscript>
  </body>
</html>
`;

const startScriptOf = (basePath: string): string => `SwaggerUIBundle({
  url: ${JSON.stringify(basePath + Paths.openApi)},
  dom_id: '#docs',
  deepLinking: true,
  docExpansion: 'list',
  defaultModelsExpandDepth: 0,
  displayOperationId: true,
  filter: true,
  // The validator would send the document to another site.
  validatorUrl: null,
});
`;

/**
 * The routes of the OpenAPI document, and of a page that shows the document and can call each operation. `basePath` is
 * the path of the public URL.
 */
export function documentationRoutes(basePath: string): Route[] {
  let text: string | null = null;
  const page = { method: 'GET', access: 'public' } as const;
  return [
    route(Operations.getOpenApi, ({ res }) => {
      // Creating the document takes some milliseconds, so it is created on first use. The document does not change
      // while the process runs.
      text ??= JSON.stringify(createOpenApiDocument(basePath));
      res.set('Cache-Control', 'no-cache').type('application/json').send(text);
    }),
    route({ ...page, path: Paths.docs, answers: { 200: 'text/html' } }, ({ res }) => {
      res.set({ 'Cache-Control': 'no-cache', 'Content-Security-Policy': PAGE_CSP }).type('html').send(pageOf(basePath));
    }),
    route({ ...page, path: START_SCRIPT_PATH, answers: { 200: 'text/javascript' } }, ({ res }) => {
      res.set('Cache-Control', 'no-cache').type('text/javascript').send(startScriptOf(basePath));
    }),
  ];
}

/** Serves only the files of Swagger UI that the page loads. The package has many more, such as source maps. */
export function serveSwaggerUi(): Router {
  const router = Router();
  for (const file of SWAGGER_UI_FILES) {
    router.use(`${ASSETS_PATH}/${file}`, async (req, res, next) => {
      if (req.path !== '/') {
        next();
      } else if (req.method !== 'GET' && req.method !== 'HEAD') {
        sendMethodNotAllowed(res, ['GET', 'HEAD']);
      } else {
        res.set('Cache-Control', 'public, max-age=31536000, immutable');
        await sendFile(res, `${SWAGGER_UI}/${file}`);
      }
    });
  }
  return router;
}
