/** Options that several commands share. */
import type { Client } from '@muster/client';
import { InvalidArgumentError, Option } from 'commander';
import { CommandError } from '../exit.js';

/** Parses an option that can be repeated. */
export const collect = (value: string, before: string[] = []): string[] => [...before, value];

/** Parses an option that can be repeated, with one of the given values each time. */
export const collectChoices =
  <Word extends string>(words: readonly Word[]) =>
  (value: string, before: Word[] = []): Word[] => {
    const word = words.find((one) => one === value);
    if (word === undefined) throw new InvalidArgumentError(`Allowed values: ${words.join(', ')}.`);
    return [...before, word];
  };

/** Parses a positive whole number. */
export function parseCount(text: string): number {
  if (!/^[1-9]\d{0,8}$/.test(text)) throw new InvalidArgumentError('It must be a positive whole number.');
  return Number(text);
}

const SECONDS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3_600, d: 86_400, w: 7 * 86_400 };

/** Parses a duration such as `90s`, `30m`, `12h`, `7d` or `2w`. Returns seconds. */
export function parseDuration(text: string): number {
  const [, amount = '', unit = ''] = /^(\d{1,6})([smhdw])$/.exec(text) ?? [];
  const seconds = Number(amount) * (SECONDS[unit] ?? 0);
  if (seconds === 0) throw new InvalidArgumentError('It must be a number and a unit, such as 90s, 30m, 12h, 7d or 2w.');
  return seconds;
}

/** Parses an instant: RFC 3339, or an age such as `12h`. */
export function parseInstant(text: string): string {
  if (/^\d+[smhdw]$/.test(text)) return new Date(Date.now() - parseDuration(text) * 1000).toISOString();
  if (!/^\d{4}-\d\d-\d\dT/.test(text) || Number.isNaN(Date.parse(text))) {
    throw new InvalidArgumentError('It must be a time such as 2026-01-31T12:00:00Z, or an age such as 30m, 12h or 7d.');
  }
  return new Date(text).toISOString();
}

export const hostOption = (): Option =>
  new Option('--host <name or id>', 'filter by host (repeatable)').argParser(collect);

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/**
 * Resolves host names and ids to ids; undefined if none were given. A name that several hosts have resolves to all of
 * them.
 * @throws CommandError if no host has a given name.
 */
export async function resolveHostIds(
  client: Client,
  hosts: readonly string[] | undefined,
): Promise<string[] | undefined> {
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
    if (ids === undefined) throw new CommandError(`no host is named ${host}`);
    return ids;
  });
}

/** Collects up to `limit` items. */
export async function takeFirst<T>(items: AsyncIterable<T>, limit: number): Promise<T[]> {
  const taken: T[] = [];
  for await (const item of items) {
    taken.push(item);
    if (taken.length >= limit) break;
  }
  return taken;
}
