import type { Container } from '@muster/contracts';

/** What never leaves the machine, as patterns that are matched everywhere in a text (flag `g`). */
export interface RedactionPatterns {
  /** Of a label, an option or a variable: its value is hidden. */
  names: RegExp;
  /** Of a text: what matches is hidden, wherever it stands. */
  values: RegExp;
}

/** What stands in the place of what was hidden. */
export const REDACTED = '[redacted]';

/** The usual names of what nobody else should read. */
export const REDACT_NAMES_DEFAULT =
  /passw(?:or)?d|passphrase|passwd|\bpwd\b|secret|token|credential|api[-_.]?key|access[-_.]?key|private[-_.]?key|\bauth\b|basicauth/gi;

/**
 * Tokens by their well-known forms (Muster, GitHub, GitLab, Slack, AWS, Google, Stripe and OpenAI keys, JSON Web
 * Tokens, bearer headers), and the password in an address.
 */
export const REDACT_VALUES_DEFAULT = new RegExp(
  [
    'muster_(?:agent|enroll|key)_[0-9A-Za-z]+',
    'gh[opsru]_[0-9A-Za-z]{20,}|github_pat_[0-9A-Za-z_]{20,}|glpat-[0-9A-Za-z_-]{16,}',
    'xox[abeoprs]-[0-9A-Za-z-]{10,}',
    'A[KS]IA[0-9A-Z]{16}|AIza[0-9A-Za-z_-]{30,}',
    '[rs]k[-_](?:live[-_]|test[-_]|proj-)?[0-9A-Za-z]{16,}',
    'eyJ[0-9A-Za-z_-]{8,}\\.[0-9A-Za-z_-]{8,}\\.[0-9A-Za-z_-]*',
    '(?<=\\bbearer )[^\\s"\']{8,}',
    '(?<=://[^\\s/:@]{0,64}:)[^\\s/@]{1,256}(?=@)',
  ].join('|'),
  'gi',
);

/** Of a text that long is more hidden than is worth knowing: nothing may take long to read. */
const SEARCHED_LENGTH_MAX = 16_384;

/** The container without what the patterns hide: in its labels' values and its command. */
export function redactContainer(container: Container, patterns: RedactionPatterns): Container {
  return {
    ...container,
    command: redactText(container.command, patterns),
    labels: redactLabels(container.labels, patterns),
  };
}

/** Labels whose names match lose their value, the others what of it matches. Names stay, or none could be searched. */
function redactLabels(labels: Container['labels'], patterns: RedactionPatterns): Container['labels'] {
  const redacted = Object.create(null) as Container['labels'];
  for (const [name, value] of Object.entries(labels)) {
    redacted[name] = value !== '' && matches(patterns.names, name) ? REDACTED : redactText(value, patterns);
  }
  return redacted;
}

/** `NAME=value`, `--name=value` and `--name value`; a value may stand in quotes. */
const ASSIGNMENT = /(?<=^|[\s"'])(-{0,2}[\w.-]{1,128})(=)("[^"]*"|'[^']*'|[^\s"']+)/g;
const OPTION = /(?<=^|[\s"'])(-{1,2}[\w.-]{1,128})(\s+)("[^"]*"|'[^']*'|[^\s"'-][^\s"']*)/g;

/** A text without what matches; in it, as in a command line, options and variables of such names lose their value. */
function redactText(text: string, patterns: RedactionPatterns): string {
  const hide = (whole: string, name: string, between: string): string =>
    matches(patterns.names, name) ? `${name}${between}${REDACTED}` : whole;
  const searched = text.slice(0, SEARCHED_LENGTH_MAX).replace(ASSIGNMENT, hide).replace(OPTION, hide);
  const rest = text.length > SEARCHED_LENGTH_MAX ? REDACTED : '';
  return searched.replace(patterns.values, REDACTED) + rest;
}

/** A pattern with the flag `g` remembers where it was; this asks from the beginning. */
function matches(pattern: RegExp, text: string): boolean {
  pattern.lastIndex = 0;
  return pattern.test(text);
}
