import type { Host } from '@muster/contracts';
import { distinguishHost } from '@muster/contracts/distinguish-host';

/**
 * The fields that distinguish a host from others with the same name. A server before version 0.5 does not send them.
 */
export type DistinctionFields = Partial<Pick<Host, 'nameIsShared' | 'addresses' | 'kernel' | 'os' | 'engineId'>>;

/** Returns a text that distinguishes a host from others with the same name. Empty if no other host has its name. */
export const distinctionOf = ({ nameIsShared = false, os = '', engineId = '', ...facts }: DistinctionFields): string =>
  nameIsShared ? distinguishHost({ ...facts, os, engineId }) : '';

/** Returns a host's name, with a distinguishing text if other hosts have the same name. */
export function distinctName(host: DistinctionFields & Pick<Host, 'name'>): string {
  const distinction = distinctionOf(host);
  return distinction === '' ? host.name : `${host.name} (${distinction})`;
}

/** Returns a text that tells each of these hosts apart from the others, by host id. */
export const distinctionsOf = (hosts: readonly (DistinctionFields & Pick<Host, 'id'>)[]): ReadonlyMap<string, string> =>
  new Map(hosts.map((host) => [host.id, distinctionOf(host)]));
