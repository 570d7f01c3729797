import { Paths } from '@muster/contracts';
import * as testkit from '@muster/testkit';

export type { Api } from '@muster/testkit';

export interface ApiOptions extends testkit.ApiOptions {
  env: Readonly<Record<string, string>>;
  adminKey: string;
}

/** Starts the API, and enables the measurement of its event loop. */
export const startApi = (options: ApiOptions): Promise<testkit.Api> =>
  testkit.startApi({ ...options, isMeasured: true });

/** Returns whether the API at this URL is ready. */
export const isReady = (url: string): Promise<boolean> => testkit.isReady(url + Paths.ready);
