/**
 * Numbered snapshots. Every container of such a snapshot contains the snapshot's number (its generation). A check can
 * therefore find out which snapshot the API has stored, and whether the whole snapshot was stored. The functions are
 * pure.
 */
import type { Container } from '@muster/contracts';
import { CONTAINER_DEFAULTS } from './workload.js';

const CONTAINERS_MIN = 8;

/**
 * Returns the id of the marker. The marker is a container whose image is different in each generation, so that its
 * history lists the applied snapshots.
 */
export const markerOf = (host: number): string => `marker-${host}`;

/**
 * Returns the `generation`th snapshot of a host. From one generation to the next, containers are added, removed and
 * restarted, and their labels change.
 */
export function numberedSnapshot(host: number, generation: number): Container[] {
  const count = CONTAINERS_MIN + (generation % 5);
  const others = Array.from({ length: count }, (_, place): Container => {
    const runs = (generation + place) % 3 !== 0;
    return {
      ...CONTAINER_DEFAULTS,
      dockerId: `host-${host}-container-${place}`,
      name: `service-${place}`,
      image: 'registry.example.com/service:1',
      imageId: `sha256:${'0'.repeat(60)}${place}`,
      command: `serve --place ${place}`,
      state: runs ? 'running' : 'exited',
      status: runs ? 'Up 5 minutes (healthy)' : `Exited (${generation % 256}) 5 minutes ago`,
      ports: [{ ip: '0.0.0.0', privatePort: 80, publicPort: 8_000 + place, type: 'tcp' }],
      labels: { generation: String(generation), place: String(place) },
      startedAt: '2026-01-01T00:00:00.000Z',
    };
  });
  const image = `registry.example.com/marker:${generation}`;
  return [{ ...others[0]!, dockerId: markerOf(host), name: 'marker', image }, ...others];
}

/** Returns the generation in the image of a marker. */
export const generationOf = (image: string): number => Number(image.slice(image.lastIndexOf(':') + 1));
