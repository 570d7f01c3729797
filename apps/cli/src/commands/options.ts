/** Options that several commands have. */
import type { Client } from '@muster/client';
import { InvalidArgumentError, Option } from 'commander';
import { CommandError } from '../exit.js';

/** For an option that may be given several times. */
export const repeated = (value: string, before: string[] = []): string[] => [...before, value];

/** For an option that may be given several times, each time as one of these words. */
export const repeatedOf =
  <Word extends string>(words: readonly Word[]) =>
  (value: string, before: Word[] = []): Word[] => {
    const word = words.find((one) => one === value);
    if (word === undefined) throw new InvalidArgumentError(`It is one of ${words.join(', ')}.`);
    return [...before, word];
  };

/** A whole number above 0. */
export function count(text: string): number {
  if (!/^[1-9]\d{0,8}$/.test(text)) throw new InvalidArgumentError('It is a whole number above 0.');
  return Number(text);
}

const SECONDS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3_600, d: 86_400, w: 7 * 86_400 };

/** A time as `90s`, `30m`, `12h`, `7d` or `2w`, in seconds. */
export function duration(text: string): number {
  const [, amount = '', unit = ''] = /^(\d{1,6})([smhdw])$/.exec(text) ?? [];
  const seconds = Number(amount) * (SECONDS[unit] ?? 0);
  if (seconds === 0) throw new InvalidArgumentError('It is a number and a unit: 90s, 30m, 12h, 7d or 2w.');
  return seconds;
}

/** An instant: RFC 3339, or how long ago. */
export function instant(text: string): string {
  if (/^\d+[smhdw]$/.test(text)) return new Date(Date.now() - duration(text) * 1000).toISOString();
  if (!/^\d{4}-\d\d-\d\dT/.test(text) || Number.isNaN(Date.parse(text))) {
    throw new InvalidArgumentError('It is like 2026-01-31T12:00:00Z, or how long ago: 30m, 12h, 7d.');
  }
  return new Date(text).toISOString();
}

export const hostOption = (): Option =>
  new Option('--host <name or id>', 'on this host; repeated: on any of these').argParser(repeated);

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/**
 * The ids of hosts that were given by id or by name; undefined where none was given.
 * @throws CommandError for a name that no host has. One that several have means all of them.
 */
export async function hostIds(client: Client, hosts: readonly string[] | undefined): Promise<string[] | undefined> {
  if (hosts === undefined) return undefined;
  const names = new Set(hosts.filter((host) => !UUID.test(host)));
  const found = new Map<string, string[]>();
  if (names.size > 0) {
    for await (const { id, name } of client.items('listHosts', { query: { limit: 200 } })) {
      if (names.has(name)) found.set(name, [...(found.get(name) ?? []), id]);
    }
  }
  return hosts.flatMap((host) => {
    if (UUID.test(host)) return host;
    const ids = found.get(host);
    if (ids === undefined) throw new CommandError(`there is no host named ${host}`);
    return ids;
  });
}

/** At most so many of what comes. */
export async function first<T>(items: AsyncIterable<T>, limit: number): Promise<T[]> {
  const taken: T[] = [];
  for await (const item of items) {
    taken.push(item);
    if (taken.length >= limit) break;
  }
  return taken;
}
