import { hash } from 'node:crypto';
import {
  comparePorts,
  deriveWorkload,
  ENDED_STATES,
  isInfraContainer,
  CONTAINER_FIELD_NAMES,
  CONTAINER_FIELDS,
  parseStatus,
  UNSTARTED_STATES,
  type Container,
  type ContainerExit,
  type ContainerField,
  type ExitReason,
  type FieldKind,
  type FieldValues,
  type Health,
  type Port,
  type Workload,
  type WorkloadKind,
} from '@muster/contracts';
import { isScalar } from './field-comparison.js';

/** A container and the facts derived from its reported fields. */
export interface ContainerFacts extends Container, WorkloadColumns {
  health: Health | null;
  /** The code of the reported exit, or else the code in the status text. */
  exitCode: number | null;
  isInfra: boolean;
}

/** The columns of a container's workload. All are null in a row that an earlier version of Muster wrote. */
export interface WorkloadColumns {
  workloadKind: WorkloadKind | null;
  project: string | null;
  service: string | null;
  instance: string | null;
}

/** Returns the workload in these columns; null if they were not written yet. */
export const toWorkload = ({ workloadKind, project, service, instance }: WorkloadColumns): Workload | null =>
  workloadKind && { kind: workloadKind, project, service, instance };

/** A container as stored: its fields and the values derived from them. */
export interface ContainerRow extends ContainerFacts {
  /** Base64 SHA-256 of the fields. Containers with equal digests are equal, regardless of the order of their labels. */
  digest: string;
  /**
   * False if the row differs from the stored one only in fields that the history ignores, so `changedAt` does not
   * change.
   */
  changed?: false | undefined;
}

/**
 * Adds the derived facts to a container, and returns the same object. Creating a copy would take five times as long.
 */
export function toContainerFacts(container: Container): ContainerFacts {
  const { health, exitCode } = parseStatus(container.status);
  const { kind, project, service, instance } = deriveWorkload(container);
  const facts = container as ContainerFacts;
  facts.health = health;
  facts.exitCode = container.exit ? container.exit.code : exitCode;
  facts.workloadKind = kind;
  facts.project = project;
  facts.service = service;
  facts.instance = instance;
  facts.isInfra = isInfraContainer(container);
  return facts;
}

/**
 * Converts a reported container to its row in place: adds the values derived from its fields, and returns the same
 * object.
 */
export function toContainerRow(
  container: Container,
  { version = ROW_DIGEST_VERSION }: { version?: number } = {},
): ContainerRow {
  const row = toContainerFacts(container) as ContainerRow;
  row.digest = digestOf(container, version);
  return row;
}

/**
 * Copies the stored exit to a row, in place, if both describe the same end of the process and the agent knows less
 * about this end than before. After a restart, the agent may not know why the process ended. After a failed inspection,
 * the whole exit is missing; the row then also keeps the other facts of the earlier inspection. Returns whether the row
 * was changed.
 */
export function keepKnownExit(row: ContainerRow, stored: ContainerFacts): boolean {
  const known = stored.exit;
  if (!known) return false;
  if (row.exit) {
    if (!isLessKnown(row.exit.reason, known.reason)) return false;
    if (row.exit.finishedAt === null || row.exit.finishedAt !== known.finishedAt) return false;
  } else {
    if (!mayHaveExit(row) || !isSameEnd(row, known, stored.startedAt)) return false;
    row.startedAt ??= stored.startedAt;
    row.oomKilled ??= stored.oomKilled;
    row.restartCount ??= stored.restartCount;
  }
  row.exit = known;
  toContainerRow(row);
  return true;
}

/** The reasons that an agent knows only if it saw the events of the engine. */
const SEEN_REASONS: readonly ExitReason[] = ['stopped', 'oom'];

/** The reasons that follow from the exit code, if the agent saw no event that shows another reason. */
const REASONS_OF_CODES: readonly ExitReason[] = ['completed', 'crashed'];

/**
 * Returns whether a reported reason is less specific than the known reason for the same end of a process: the reported
 * reason is unknown, or only follows from the exit code, because the engine no longer has the events.
 */
const isLessKnown = (reported: ExitReason, known: ExitReason): boolean =>
  reported === 'unknown' ? known !== 'unknown' : REASONS_OF_CODES.includes(reported) && SEEN_REASONS.includes(known);

/** Returns whether the stored row of a container may have an exit, or a reason, that these facts lack. */
export const mayLackExit = (container: Container): boolean =>
  container.exit
    ? container.exit.reason === 'unknown' || REASONS_OF_CODES.includes(container.exit.reason)
    : mayHaveExit(container);

/** Returns whether a container can have an exit that the agent did not report. */
const mayHaveExit = ({ state, oomKilled }: Container): boolean =>
  ENDED_FOR_GOOD.includes(state) || (UNSTARTED_STATES.includes(state) && typeof oomKilled !== 'boolean');

/** The states of a container that ended and is not being restarted. */
const ENDED_FOR_GOOD: readonly string[] = [...ENDED_STATES, 'dead'];

/**
 * Returns whether `known`, an exit after the start at `start`, can be the exit of a container that was reported without
 * an exit.
 */
function isSameEnd({ state, exitCode, startedAt }: ContainerRow, known: ContainerExit, start: string | null): boolean {
  if (startedAt !== null && startedAt !== start) return false;
  if (UNSTARTED_STATES.includes(state)) return known.reason === 'failed_to_start';
  return exitCode === null || exitCode === known.code;
}

/**
 * The version of the values that are derived from a row's status. The digest contains this version, so a new version
 * rewrites all rows. The digest does not cover the workload. Rows without a workload are found by their empty workload
 * columns instead. The digests of rows that an earlier version wrote therefore stay valid, and replicas of both
 * versions do not rewrite each other's rows.
 */
const ROW_DIGEST_VERSION = 1;

/** For each kind of field, the function that formats a value for the digest's input. */
const DIGEST_FORMATTERS: { [Kind in FieldKind]: (value: FieldValues[Kind]) => string } = {
  text: lengthPrefixed,
  instant: lengthPrefixed,
  ports: (ports) => {
    let text = '';
    for (const port of ports.length > 1 ? ports.toSorted(comparePorts) : ports) text += portPart(port);
    return text;
  },
  labels: (labels) => {
    let text = '';
    for (const key of Object.keys(labels).sort()) text += lengthPrefixed(key) + lengthPrefixed(labels[key]!);
    return text;
  },
  names: (names = []) => names.map(escaped).join(),
  optionalText: (text) => lengthPrefixed(text ?? null),
  exit: (exit) =>
    exit ? `${exit.code ?? ''}/${exit.reason}/${lengthPrefixed(exit.error)}${lengthPrefixed(exit.finishedAt)}` : '',
  flag: String,
  count: String,
};

const portPart = ({ ip, privatePort, publicPort, type, count }: Port): string =>
  `${lengthPrefixed(ip ?? null)}${privatePort}>${publicPort ?? ''}/${type}${count === undefined ? '' : `*${count}`};`;

const escaped = (name: string): string => name.replace(/[^\w.-]/gu, (character) => `%${character.codePointAt(0)};`);

const digestMarker = (field: ContainerField): string => field.digestMarker ?? '';

/** Texts and instants come first in the digest's input, then ports and labels, then the fields with a marker. */
const DIGEST_SCALAR_FIELDS = CONTAINER_FIELD_NAMES.filter(
  (name) => isScalar(name) && !digestMarker(CONTAINER_FIELDS[name]),
);
const DIGEST_OTHER_FIELDS = CONTAINER_FIELD_NAMES.filter((name) => !DIGEST_SCALAR_FIELDS.includes(name))
  .map((name) => ({
    name,
    marker: digestMarker(CONTAINER_FIELDS[name]),
    part: DIGEST_FORMATTERS[CONTAINER_FIELDS[name].kind] as (value: unknown) => string,
  }))
  .sort((a, b) => Number(a.marker !== '') - Number(b.marker !== ''));

/**
 * Hashes the fields one after another. Each text is preceded by its length, so that two different containers never
 * yield the same string. Hashing the fields is cheaper than hashing canonical JSON, which requires additional objects.
 * Rare fields (`count` of a port, and those with a marker) are added only if present, so that the stored digests of all
 * other containers stay valid. A new `ROW_DIGEST_VERSION` changes every digest.
 */
function digestOf(container: Container, version: number): string {
  let text = '';
  for (const name of DIGEST_SCALAR_FIELDS) text += lengthPrefixed(container[name] as string | null);
  for (const { name, marker, part } of DIGEST_OTHER_FIELDS) {
    const value = container[name];
    if (marker === '') text += part(value);
    else if (value !== undefined && value !== null && !isEmpty(value)) text += marker + part(value);
  }
  if (version > 1) text += `#${version}`;
  return hash('sha256', text, 'base64');
}

const isEmpty = (value: unknown): boolean => (typeof value === 'string' || Array.isArray(value)) && value.length === 0;

function lengthPrefixed(text: string | null): string {
  return text === null ? '-' : `${text.length}:${text}`;
}
