import { newAdminKey, startApi, type Api } from './api.js';
import type { Closers } from './closers.js';

/** Starts replicas of the API on one database, with the same admin key. */
export async function startReplicas(
  count: number,
  env: Readonly<Record<string, string>>,
  closers: Closers,
): Promise<{ adminKey: string; replicas: Api[] }> {
  const adminKey = newAdminKey();
  const replicas: Api[] = [];
  // They start one after the other, because the first one applies the migrations.
  for (let i = 0; i < count; i++) replicas.push(closers.add(await startApi({ env, adminKey }), (api) => api.stop()));
  return { adminKey, replicas };
}
