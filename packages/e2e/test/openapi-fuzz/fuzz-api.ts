import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { startApi, withTemporaryDirectory } from '@muster/testkit';
import { createHttp } from '@muster/testkit/http';
import { fuzzDocument, type DocumentFuzz, type DocumentFuzzResult } from './fuzz.js';
import { createObjectPreparer } from './prepare-objects.js';

/** Disables the limits on requests and sign-ins, because they would refuse most calls. */
const NO_LIMITS = {
  MUSTER_AGENT_REQUESTS_PER_MINUTE: '0',
  MUSTER_AUTH_FAILURES_PER_MINUTE: '0',
  MUSTER_SIGN_INS_PER_MINUTE: '0',
};

/**
 * Starts the API, and fuzzes it with the OpenAPI document that the API serves. If `databaseUrl` is null, the API uses
 * an embedded database.
 */
export function fuzzApi(
  databaseUrl: string | null,
  run: Pick<DocumentFuzz, 'cases' | 'seed'>,
): Promise<DocumentFuzzResult> {
  return withTemporaryDirectory(async (directory, use) => {
    const database = databaseUrl === null ? {} : { DATABASE_URL: databaseUrl };
    const env = { MUSTER_DATA_DIR: directory, ...database, ...NO_LIMITS };
    const api = use(await startApi({ env }), (started) => started.stop());
    const http = use(createHttp(api.url), (client) => client.close());
    const link = await readFile(join(directory, 'setup-link'), 'utf8');
    const prepareObjects = await createObjectPreparer(http, api.adminKey, link.trim());
    const document = JSON.parse((await http.send({ path: '/openapi.json' })).text) as DocumentFuzz['document'];
    return fuzzDocument({ url: api.url, document, prepareObjects, ...run });
  });
}
