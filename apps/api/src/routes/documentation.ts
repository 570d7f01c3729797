import { Paths } from '@muster/contracts';
import { Router } from 'express';
import { createOpenApiDocument } from '../openapi/document.js';

/** The API in the words of OpenAPI, for programs. */
export function createDocumentationRouter(): Router {
  const router = Router();
  let text: string | null = null;

  router.get(Paths.openApi, (_req, res) => {
    // Only where it is asked for: it takes some milliseconds, and is the same until the next version.
    text ??= JSON.stringify(createOpenApiDocument());
    res.set('Cache-Control', 'no-cache').type('application/json').send(text);
  });
  return router;
}
