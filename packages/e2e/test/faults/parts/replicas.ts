import { newAdminKey, startApi, type Api } from './api.js';
import type { Closers } from './closers.js';

/** Starts replicas of the API on one database, with one admin's key. */
export async function startReplicas(
  count: number,
  env: Readonly<Record<string, string>>,
  closers: Closers,
): Promise<{ adminKey: string; replicas: Api[] }> {
  const adminKey = newAdminKey();
  const replicas: Api[] = [];
  // One after the other: the first applies the migrations.
  for (let i = 0; i < count; i++) replicas.push(closers.add(await startApi({ env, adminKey }), (api) => api.stop()));
  return { adminKey, replicas };
}
