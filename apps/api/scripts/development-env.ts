import { formatToken, TOKEN_RANDOM_BYTES } from '@muster/contracts';

/**
 * Returns the environment of the API under `pnpm dev`. The admin key that everyone knows is part of it only with an
 * embedded database: a database server would keep it after the development has ended.
 */
export function developmentEnv(given: NodeJS.ProcessEnv, dataDir: string): NodeJS.ProcessEnv {
  return {
    MUSTER_DATA_DIR: dataDir,
    MUSTER_DRAIN_SECONDS: '0',
    ...(given['DATABASE_URL'] ? {} : { MUSTER_ADMIN_KEY: formatToken('key', new Uint8Array(TOKEN_RANDOM_BYTES)) }),
    ...given,
    HOST: '127.0.0.1',
  };
}
