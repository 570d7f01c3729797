import type { ContainerExit } from './container-exit.js';
import type { Labels } from './labels.js';
import type { Port } from './ports.js';
import {
  COMMAND_LENGTH_MAX,
  DOCKER_ID_LENGTH_MAX,
  EXIT_ERROR_LENGTH_MAX,
  LABELS_MAX,
  NAME_LENGTH_MAX,
  PORTS_MAX,
  STATE_LENGTH_MAX,
  STATUS_LENGTH_MAX,
} from './limits.js';
import { DERIVATION_VERSION } from './derivation-version.js';

/**
 * The types of a field's values, by the kind of the field. `names` are short strings whose order is significant.
 * `optionalText`, `exit`, `flag` and `count` are null or absent if the agent did not report them.
 */
export interface FieldValues {
  text: string | null;
  instant: string | null;
  ports: Port[];
  labels: Labels;
  names: string[] | undefined;
  optionalText: string | null | undefined;
  exit: ContainerExit | null | undefined;
  flag: boolean | null | undefined;
  count: number | null | undefined;
}
export type FieldKind = keyof FieldValues;

interface Field<Kind extends FieldKind, SqlType> {
  /** The kind of the values, which determines how they are compared, hashed, ordered, shortened and exported. */
  kind: Kind;
  /** The SQL type of the field's column. The column has the name of the field. */
  sqlType: SqlType;
  /**
   * The maximum length of a text (for an exit, of its error) in characters, or the maximum number of ports, labels or
   * names. A value that exceeds this limit is shortened. Without a limit, values are never shortened.
   */
  limit?: number;
  /**
   * What a changed value means. A `life` field changes while a container exists, and can be written without the rest of
   * the row. A `configuration` field rarely changes. Containers whose `identity` fields differ are different
   * containers.
   */
  change: 'identity' | 'configuration' | 'life';
  /**
   * How a change of the field is recorded in the history:
   *
   * - `own`: in an event of the field's own kind, such as `renamed`.
   * - `updated`: in an `updated` event.
   * - `updated-alone`: in an `updated` event, but only if no other event, such as `started`, implies the change.
   * - `none`: not at all.
   */
  event: 'own' | 'updated' | 'updated-alone' | 'none';
  /**
   * The character that precedes the field's value in the text from which a row's digest is computed. Only fields that
   * were added after the first release have such a marker. If the value is empty, the text contains neither the marker
   * nor the value, so the stored digests of rows without a value remain valid. The marker must not be a letter, a digit
   * or one of `_.-%;:,#*>/`.
   */
  digestMarker?: string;
  /** Whether a CSV export has a column for the field. */
  exported: boolean;
  /** Whether the values may be long. The bytes of long values count toward the size of a page. */
  large: boolean;
}

interface TextField extends Field<'text', 'text'> {
  /** Minimum length. 1 means that the text must not be empty. */
  minLength: 0 | 1;
  nullable: boolean;
  /** An additional condition that the schema checks. */
  isValid?: (value: string) => boolean;
}

interface NamesField extends Field<'names', 'text[]'> {
  digestMarker: string;
  /** If true, a container with an empty list omits the field. If false, it has the empty list. */
  optional: boolean;
  /** An additional condition that the schema checks. */
  isValid?: (names: readonly string[]) => boolean;
}

/** A field that older agents do not report. */
interface OptionalField<Kind extends FieldKind, SqlType> extends Field<Kind, SqlType> {
  digestMarker: string;
  optional: true;
}

/** The descriptor of a container's field. */
export type ContainerField =
  | TextField
  | Field<'instant', 'timestamptz'>
  | Field<'ports', 'jsonb'>
  | Field<'labels', 'jsonb'>
  | NamesField
  | OptionalField<'optionalText', 'text'>
  | OptionalField<'exit', 'jsonb'>
  | OptionalField<'flag', 'boolean'>
  | OptionalField<'count', 'int'>;

export const DockerIdPattern = new RegExp(`^[A-Za-z0-9_.-]{1,${DOCKER_ID_LENGTH_MAX}}$`);

export const isLowerCase = (value: string): boolean => value === value.toLowerCase();

const textField = { kind: 'text', sqlType: 'text', minLength: 0, nullable: false } as const;
const configurationField = { change: 'configuration', event: 'updated' } as const;
const fieldWithOwnEvent = { change: 'configuration', event: 'own' } as const;
const lifeField = { change: 'life', event: 'updated-alone' } as const;
const lifeFieldWithoutEvent = { change: 'life', event: 'none' } as const;
const listedField = { exported: true, large: false } as const;
const optionalListedField = { ...listedField, optional: true } as const;

/**
 * Each field of a container, defined once. Column lists, row digest, comparisons, `updated` events, canonical form,
 * limits, CSV columns and the parser's version derive from this table. The fields are in the order of the canonical
 * form, so a new field must come last.
 */
export const CONTAINER_FIELDS = {
  dockerId: {
    ...textField,
    ...listedField,
    minLength: 1,
    change: 'identity',
    event: 'none',
    isValid: (value: string) => DockerIdPattern.test(value),
  },
  name: { ...textField, ...listedField, ...fieldWithOwnEvent, minLength: 1, limit: NAME_LENGTH_MAX, large: true },
  image: { ...textField, ...listedField, ...fieldWithOwnEvent, minLength: 1, limit: NAME_LENGTH_MAX, large: true },
  imageId: { ...textField, ...listedField, ...configurationField, nullable: true, limit: NAME_LENGTH_MAX },
  command: { ...textField, ...listedField, ...configurationField, limit: COMMAND_LENGTH_MAX, large: true },
  state: { ...textField, ...listedField, ...lifeField, minLength: 1, limit: STATE_LENGTH_MAX, isValid: isLowerCase },
  status: { ...textField, ...listedField, ...lifeField, limit: STATUS_LENGTH_MAX, event: 'none' },
  ports: { kind: 'ports', sqlType: 'jsonb', ...listedField, ...lifeField, limit: PORTS_MAX, large: true },
  labels: { kind: 'labels', sqlType: 'jsonb', ...listedField, ...configurationField, limit: LABELS_MAX, large: true },
  startedAt: { kind: 'instant', sqlType: 'timestamptz', ...listedField, ...lifeField },
  truncated: {
    kind: 'names',
    sqlType: 'text[]',
    digestMarker: '!',
    change: 'configuration',
    event: 'none',
    exported: false,
    large: false,
    optional: true,
    isValid: isFieldList,
  },
  exit: {
    kind: 'exit',
    sqlType: 'jsonb',
    digestMarker: '^',
    ...optionalListedField,
    ...lifeFieldWithoutEvent,
    limit: EXIT_ERROR_LENGTH_MAX,
    // A CSV export has one column for each value of the exit.
    exported: false,
  },
  oomKilled: { kind: 'flag', sqlType: 'boolean', digestMarker: '~', ...optionalListedField, ...lifeFieldWithoutEvent },
  restartCount: { kind: 'count', sqlType: 'int', digestMarker: '+', ...optionalListedField, ...lifeFieldWithoutEvent },
  imageDigest: {
    kind: 'optionalText',
    sqlType: 'text',
    digestMarker: '@',
    ...optionalListedField,
    change: 'configuration',
    event: 'none',
    limit: NAME_LENGTH_MAX,
  },
} as const satisfies Record<string, ContainerField>;

export type ContainerFieldName = keyof typeof CONTAINER_FIELDS;

/** The values of a field. */
export type FieldValue<Name extends ContainerFieldName> = (typeof CONTAINER_FIELDS)[Name] extends
  { nullable: false } | { optional: false }
  ? NonNullable<FieldValues[(typeof CONTAINER_FIELDS)[Name]['kind']]>
  : FieldValues[(typeof CONTAINER_FIELDS)[Name]['kind']];

/** All fields, in the order of the canonical form. */
export const CONTAINER_FIELD_NAMES = Object.keys(CONTAINER_FIELDS) as readonly ContainerFieldName[];

type SharedKey = 'kind' | 'change' | 'event' | 'exported' | 'large';

/** The fields whose descriptor has this value for this key. */
export type FieldsWith<Key extends SharedKey, Value extends ContainerField[Key]> = {
  [Name in ContainerFieldName]: (typeof CONTAINER_FIELDS)[Name][Key] extends Value ? Name : never;
}[ContainerFieldName];

/** Returns the names of the fields whose descriptor has this value for this key, in canonical order. */
export const fieldsWith = <Key extends SharedKey, const Value extends ContainerField[Key]>(
  key: Key,
  value: Value,
): readonly FieldsWith<Key, Value>[] =>
  CONTAINER_FIELD_NAMES.filter((name) => CONTAINER_FIELDS[name][key] === value) as FieldsWith<Key, Value>[];

/** The fields that `fitContainer` can shorten. `truncated` lists them in this order. */
export const TRUNCATABLE_FIELDS = CONTAINER_FIELD_NAMES.filter(
  (name): name is TruncatableField => 'limit' in CONTAINER_FIELDS[name],
);
export type TruncatableField = {
  [Name in ContainerFieldName]: (typeof CONTAINER_FIELDS)[Name] extends { limit: number } ? Name : never;
}[ContainerFieldName];

/** Whether a list is not empty and contains only names from `TRUNCATABLE_FIELDS`, in their order. */
function isFieldList(names: readonly string[]): boolean {
  const positions = names.map((name) => TRUNCATABLE_FIELDS.indexOf(name as TruncatableField));
  return (
    names.length > 0 && positions.every((position, index) => position > (index === 0 ? -1 : positions[index - 1]!))
  );
}

/** The number of fields in version 3 of the parser. */
const VERSION_3_FIELD_COUNT = 11;

/**
 * The version of the container parser. The digest of each body depends on it. After an upgrade to a new version, the
 * digest of the same bytes therefore differs from the stored digest, and the bytes are parsed again (ADR 19). Increment
 * the first number with each change to `parseContainer`, to `fitContainer`, or to the numbers that are stored for each
 * host (`ContainerTotals`). A new field or a new `DERIVATION_VERSION` changes the version automatically.
 */
export const CONTAINER_PARSER_VERSION = [
  `4.${DERIVATION_VERSION}`,
  ...CONTAINER_FIELD_NAMES.slice(VERSION_3_FIELD_COUNT),
].join('+');
