import { formatToken, TOKEN_RANDOM_BYTES } from '@muster/contracts';

/**
 * Returns the environment of the API under `pnpm dev`. The well-known admin key is set only for an embedded database,
 * because a database server would keep the key after development. Vite serves the page on `PORT`
 * (apps/web/vite.config.ts), and the API listens on the next port.
 */
export function developmentEnv(given: NodeJS.ProcessEnv, dataDir: string): NodeJS.ProcessEnv {
  const pagePort = Number(given['PORT'] || 3000);
  return {
    MUSTER_DATA_DIR: dataDir,
    MUSTER_DRAIN_SECONDS: '0',
    MUSTER_PUBLIC_URL: `http://127.0.0.1:${pagePort}`,
    ...(given['DATABASE_URL'] || given['DATABASE_URL_FILE'] || given['MUSTER_ADMIN_KEY_FILE']
      ? {}
      : { MUSTER_ADMIN_KEY: formatToken('key', new Uint8Array(TOKEN_RANDOM_BYTES)) }),
    ...given,
    HOST: '127.0.0.1',
    PORT: `${pagePort + 1}`,
  };
}
