/** Requests, containers and headers as agents send them, for tests. */
import type { ContainerInput } from '@muster/contracts';
import { randomUUID } from 'node:crypto';

/** Returns an enrollment request with `facts` applied. */
export const enrollRequest = (facts: object = {}) => ({
  name: 'host',
  engineId: randomUUID(),
  engine: { name: 'Docker', version: '28.5.2', apiVersion: '1.51' },
  os: 'Debian GNU/Linux 12',
  arch: 'x86_64',
  agentVersion: '0.1.0',
  ...facts,
});

/** Returns a container as an agent sends it, with every field set and `changes` applied. */
export const container = (dockerId: string, changes: Partial<ContainerInput> = {}) => ({
  dockerId,
  name: `name-of-${dockerId}`,
  image: 'nginx:1.29',
  imageId: 'sha256:0f0f',
  command: "nginx -g 'daemon off;'",
  state: 'running',
  status: 'Up 5 minutes (healthy)',
  ports: [{ ip: '0.0.0.0', privatePort: 80, publicPort: 8080, type: 'tcp' as const }],
  labels: { 'com.docker.compose.project': 'shop' } as Record<string, string>,
  startedAt: '2026-03-01T11:55:00.000Z',
  ...changes,
});

/** Returns the order headers of the `sequence`th snapshot of a run. */
export const order = (stream: string, sequence: number, observedAt?: Date): Record<string, string> => ({
  'Snapshot-Stream': stream,
  'Snapshot-Sequence': String(sequence),
  ...(observedAt ? { 'Snapshot-Observed-At': observedAt.toISOString() } : {}),
});
