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
 * Tokens, bearer headers), and the password in an address. Each takes time in proportion to the text, whoever wrote it:
 * a repetition that something must follow is bounded, or ends where another match could begin.
 */
export const REDACT_VALUES_DEFAULT = new RegExp(
  [
    'muster_(?:agent|enroll|key)_[0-9A-Za-z]+',
    'gh[opsru]_[0-9A-Za-z]{20,}|github_pat_[0-9A-Za-z_]{20,}|glpat-[0-9A-Za-z_-]{16,}',
    'xox[abeoprs]-[0-9A-Za-z-]{10,}',
    'A[KS]IA[0-9A-Z]{16}|AIza[0-9A-Za-z_-]{30,}',
    '[rs]k[-_](?:live[-_]|test[-_]|proj-)?[0-9A-Za-z]{16,}',
    'eyJ(?:(?!eyJ)[0-9A-Za-z_-])*\\.[0-9A-Za-z_-]{8,}\\.[0-9A-Za-z_-]*',
    '(?<=\\bbearer )[^\\s"\']{8,}',
    '(?<=://[^\\s/:@]{0,64}:)[^\\s/@]{1,256}(?=@)',
  ].join('|'),
  'gi',
);

/** Characters of one text that are searched. What follows them is hidden as a whole. */
const SEARCHED_LENGTH_MAX = 16_384;

/** What the redaction of one snapshot may cost. */
export interface RedactionLimits {
  /** Characters that are searched. They alone decide as long as the patterns are linear, so that equal states stay equal. */
  charactersMax: number;
  /** Milliseconds after which nothing more is searched: an operator's own pattern may be slow. */
  msMax: number;
}

/** More than 5,000 containers with 3 kB of labels each, which take 2 s at most on a slow core. */
const LIMITS_DEFAULT: RedactionLimits = { charactersMax: 16 * 1024 * 1024, msMax: 5_000 };

/** Hides what must not leave the machine in the containers of one snapshot. */
export interface Redactor {
  /**
   * Returns the container without what the patterns match in its command and in its labels' values. A text for which the
   * limits leave nothing is hidden as a whole: nothing is ever returned unsearched.
   */
  redact(container: Container): Container;
  /** Texts that were hidden because a limit was reached. */
  withheld(): number;
}

/** Creates a redactor for one snapshot. `elapsedMs`: a monotonic clock. */
export function createRedactor(
  patterns: RedactionPatterns,
  elapsedMs: () => number = () => performance.now(),
  { charactersMax, msMax }: RedactionLimits = LIMITS_DEFAULT,
): Redactor {
  const endsAt = elapsedMs() + msMax;
  let charactersLeft = charactersMax;
  let withheld = 0;

  /** Whether a search of so many characters is within the limits; they are then spent. */
  function maySearch(characters: number): boolean {
    if (characters > charactersLeft || elapsedMs() > endsAt) {
      charactersLeft = 0;
      withheld++;
      return false;
    }
    charactersLeft -= characters;
    return true;
  }

  function redactLabel(name: string, value: string): string {
    if (value === '') return value;
    // A name is searched as well, and never hidden: without names no label could be found.
    if (!maySearch(name.length + Math.min(value.length, SEARCHED_LENGTH_MAX))) return REDACTED;
    return matches(patterns.names, name) ? REDACTED : redactText(value, patterns);
  }

  return {
    withheld: () => withheld,
    redact(container) {
      const { command } = container;
      const labels = Object.create(null) as Container['labels'];
      for (const [name, value] of Object.entries(container.labels)) labels[name] = redactLabel(name, value);
      const isSearched = command === '' || maySearch(Math.min(command.length, SEARCHED_LENGTH_MAX));
      return { ...container, command: isSearched ? redactText(command, patterns) : REDACTED, labels };
    },
  };
}

/** `NAME=value`, `--name=value` and `--name value`; a value may stand in quotes. */
const ASSIGNMENT = /(?<=^|[\s"'])(-{0,2}[\w.-]{1,128})(=)("[^"]*"|'[^']*'|[^\s"']+)/g;
const OPTION = /(?<=^|[\s"'])(-{1,2}[\w.-]{1,128})(\s+)("[^"]*"|'[^']*'|[^\s"'-][^\s"']*)/g;

/** The text without what matches. As in a command line, options and variables of such names lose their value. */
function redactText(text: string, patterns: RedactionPatterns): string {
  const hide = (whole: string, name: string, between: string): string =>
    matches(patterns.names, name) ? `${name}${between}${REDACTED}` : whole;
  const searched = text.slice(0, SEARCHED_LENGTH_MAX).replace(ASSIGNMENT, hide).replace(OPTION, hide);
  const rest = text.length > SEARCHED_LENGTH_MAX ? REDACTED : '';
  return searched.replace(patterns.values, REDACTED) + rest;
}

/** Whether the pattern matches anywhere: one with the flag `g` would continue after its last match. */
function matches(pattern: RegExp, text: string): boolean {
  pattern.lastIndex = 0;
  return pattern.test(text);
}
