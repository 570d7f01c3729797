/** Options that several commands share. */
import type { Client } from '@muster/client';
import { ExitReason, parseHostLabels, type HostLabels } from '@muster/contracts';
import { InvalidArgumentError, Option } from 'commander';
import { CommandError } from '../exit.js';

/** Parses a text that is not empty. */
export function parseText(text: string): string {
  if (text === '') throw new InvalidArgumentError('must not be empty');
  return text;
}

/** Parses an option that can be repeated. */
export const collect = (value: string, previous: string[] = []): string[] => [...previous, parseText(value)];

/** Parses a value that must be one of the given values. */
const parseChoice =
  <Choice extends string>(choices: readonly Choice[]) =>
  (value: string): Choice => {
    const choice = choices.find((each) => each === value);
    if (choice === undefined) throw new InvalidArgumentError(`must be one of: ${choices.join(', ')}`);
    return choice;
  };

/** Parses an option that can be repeated and accepts only the given values. */
export const collectChoices =
  <Choice extends string>(choices: readonly Choice[]) =>
  (value: string, previous: Choice[] = []): Choice[] => [...previous, parseChoice(choices)(value)];

/** Parses a sort key. The prefix `-` means descending. */
export const parseSort =
  (keys: readonly string[]) =>
  (value: string): string => {
    if (keys.includes(value.replace(/^-/, ''))) return value;
    throw new InvalidArgumentError(`must be one of: ${keys.join(', ')}; the prefix - means descending`);
  };

/** Parses a positive whole number. */
export function parseCount(text: string): number {
  if (!/^[1-9]\d{0,8}$/.test(text)) throw new InvalidArgumentError('must be a positive whole number');
  return Number(text);
}

const SECONDS_PER_UNIT: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3_600, d: 86_400, w: 7 * 86_400 };

/** Parses a duration such as `90s`, `30m`, `12h`, `7d` or `2w`. Returns seconds. */
export function parseDuration(text: string): number {
  const [, amount = '', unit = ''] = /^(\d{1,6})([smhdw])$/.exec(text) ?? [];
  const seconds = Number(amount) * (SECONDS_PER_UNIT[unit] ?? 0);
  if (seconds === 0) throw new InvalidArgumentError('must be a number and a unit, such as 90s, 30m, 12h, 7d or 2w');
  return seconds;
}

/** Parses an instant in RFC 3339 format, or an age such as `12h`. Returns the instant in RFC 3339 format. */
export function parseInstant(text: string): string {
  if (/^\d+[smhdw]$/.test(text)) return new Date(Date.now() - parseDuration(text) * 1000).toISOString();
  if (!/^\d{4}-\d\d-\d\dT/.test(text) || Number.isNaN(Date.parse(text))) {
    throw new InvalidArgumentError('must be a time such as 2026-01-31T12:00:00Z, or an age such as 30m, 12h or 7d');
  }
  return new Date(text).toISOString();
}

export const hostOption = (): Option =>
  new Option('--host <name or id>', 'filter by host (repeatable)').argParser(collect);

export const hostLabelOption = (): Option =>
  new Option('--host-label <key[=value]>', 'filter by label of the host (repeatable; all must match)').argParser(
    collect,
  );

/** Parses labels of hosts, such as `env=prod,site=fra`. */
export function parseLabels(text: string): HostLabels {
  const parsed = parseHostLabels(text);
  if ('problem' in parsed) throw new InvalidArgumentError(parsed.problem);
  return parsed.labels;
}

export const projectOption = (): Option =>
  new Option(
    '--project <name>',
    'filter by Compose project, Swarm stack, Kubernetes namespace or Nomad job (repeatable)',
  ).argParser(collect);

export const serviceOption = (): Option =>
  new Option(
    '--service <name>',
    'filter by service: a Compose or Swarm service, the owner of a Kubernetes pod with the container name (web/nginx), a Nomad task, or the name of any other container (repeatable)',
  ).argParser(collect);

export const exitReasonOption = (): Option =>
  new Option(
    '--exit-reason <reason>',
    `filter by the reason why the process exited: ${ExitReason.options.join(', ')} (repeatable)`,
  ).argParser(collectChoices(ExitReason.options));

/** Formats labels, such as `env=prod,site=fra`. A server before version 0.5 does not send labels. */
export const formatLabels = (labels: HostLabels | undefined): string =>
  Object.entries(labels ?? {})
    .map(([key, value]) => `${key}=${value}`)
    .join();

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/**
 * Resolves host names and ids to ids. Returns undefined if `hosts` is undefined. A name that several hosts share
 * resolves to the ids of all these hosts.
 * @throws CommandError if a name belongs to no host.
 */
export const resolveHostIds = async (
  client: Client,
  hosts: readonly string[] | undefined,
): Promise<string[] | undefined> => hosts && (await findIdsOfEach(client, hosts)).flat();

/**
 * Resolves host names and ids to one id each, for commands that change hosts or show a single host.
 * @throws CommandError if a name belongs to no host, or to several.
 */
export async function resolveUniqueHostIds(client: Client, hosts: readonly string[]): Promise<string[]> {
  const found = await findIdsOfEach(client, hosts);
  return found.map((ids, index) => {
    const [id, ...others] = ids;
    if (id === undefined || others.length > 0) {
      throw new CommandError(`several hosts are named ${hosts[index]}: use one of the ids ${ids.join(', ')}`);
    }
    return id;
  });
}

/**
 * Returns the ids of the hosts with each name or id.
 * @throws CommandError if a name belongs to no host.
 */
async function findIdsOfEach(client: Client, hosts: readonly string[]): Promise<string[][]> {
  const names = new Set(hosts.filter((host) => !UUID.test(host)));
  const idsByName = new Map<string, string[]>();
  if (names.size > 0) {
    for await (const { id, name } of client.items('listHosts', { query: { limit: 200 } })) {
      if (names.has(name)) idsByName.set(name, [...(idsByName.get(name) ?? []), id]);
    }
  }
  return hosts.map((host) => {
    if (UUID.test(host)) return [host];
    const ids = idsByName.get(host);
    if (ids === undefined) throw new CommandError(`no host is named ${host}`);
    return ids;
  });
}

/** Returns the ids of the hosts that have all of these labels. */
export async function findHostIds(client: Client, hostLabel: readonly string[]): Promise<string[]> {
  const hosts = await takeFirst(client.items('listHosts', { query: { hostLabel, limit: 200 } }), Infinity);
  return hosts.map(({ id }) => id);
}

/** Returns the first items, at most `limit`. */
export async function takeFirst<T>(items: AsyncIterable<T>, limit: number): Promise<T[]> {
  const first: T[] = [];
  for await (const item of items) {
    first.push(item);
    if (first.length >= limit) break;
  }
  return first;
}
