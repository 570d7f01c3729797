import { newToken, type Use } from '@muster/testkit';
import { startApi, type Api } from './api.js';

/** Starts replicas of the API on one database, with the same admin key. */
export async function startReplicas(
  count: number,
  env: Readonly<Record<string, string>>,
  use: Use,
): Promise<{ adminKey: string; replicas: Api[] }> {
  const adminKey = newToken();
  const replicas: Api[] = [];
  // The replicas start one after the other, because the first replica applies the migrations.
  for (let i = 0; i < count; i++) replicas.push(use(await startApi({ env, adminKey }), (api) => api.stop()));
  return { adminKey, replicas };
}
