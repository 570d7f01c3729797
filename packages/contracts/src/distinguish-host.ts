import type { Host } from './host.js';

/**
 * Returns a text that distinguishes a host from others with the same name: its first address, or else its kernel, or
 * else its operating system. The beginning of its engine's id follows. An API of an earlier release sends no addresses.
 */
export function distinguishHost({
  addresses,
  kernel,
  os,
  engineId,
}: Partial<Pick<Host, 'addresses' | 'kernel'>> & Pick<Host, 'os' | 'engineId'>): string {
  const engine = `engine ${engineId.replace(/^(?:machine|agent)-/, '').slice(0, 8)}`;
  return [addresses?.[0] ?? kernel ?? os, engine].filter((part) => part !== '').join(', ');
}
