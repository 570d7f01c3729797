import type { Container } from '@muster/contracts';

/**
 * Patterns of text that must not leave the machine. The patterns must have the flag `g`, because all matches in a text
 * are replaced.
 */
export interface RedactionPatterns {
  /** Matches names of labels, options and variables whose values are redacted. */
  names: RegExp;
  /** Matches the parts of a text that must be redacted. */
  values: RegExp;
}

/** The text that replaces redacted text. */
export const REDACTED = '[redacted]';

/** Common names of secrets. */
export const REDACT_NAMES_DEFAULT =
  /passw(?:or)?d|passphrase|passwd|\bpwd\b|secret|token|credential|api[-_.]?key|access[-_.]?key|private[-_.]?key|\bauth\b|basicauth/gi;

/**
 * Matches passwords in URLs, and tokens in well-known formats (Muster, GitHub, GitLab, Slack, AWS, Google, Stripe and
 * OpenAI keys, JSON Web Tokens, bearer headers). Each pattern takes linear time even for hostile text: a repetition in
 * the middle of a pattern is bounded, or stops where another match could begin.
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

/** Maximum number of characters that are searched in one text. The rest of a longer text is redacted. */
const SEARCH_LENGTH_MAX = 16_384;

/** Limits on the cost of redacting one snapshot. */
export interface RedactionLimits {
  /**
   * Maximum number of characters that are searched. If all patterns take linear time, this limit is reached before
   * `msMax`. The result then does not depend on the speed of the machine, and equal states give equal results.
   */
  charactersMax: number;
  /** Milliseconds after which the search stops. This limit is needed because an operator's own pattern may be slow. */
  msMax: number;
}

/**
 * These limits are enough for 5,000 containers with 3 kB of labels each. Redacting them takes at most 2 s on a slow
 * core.
 */
const LIMITS_DEFAULT: RedactionLimits = { charactersMax: 16 * 1024 * 1024, msMax: 5_000 };

/** Redacts secrets in the containers of one snapshot. */
export interface Redactor {
  /**
   * Returns the container with all matches in its command, its labels' values and its exit's error redacted. If the
   * limits do not allow a text to be searched, the whole text is redacted. No text is returned without a search.
   */
  redact(container: Container): Container;
  /** Returns the number of texts that were redacted because a limit was reached. */
  withheldCount(): number;
}

/** Creates a redactor for one snapshot. `elapsedMs` returns monotonic time in milliseconds. */
export function createRedactor(
  patterns: RedactionPatterns,
  elapsedMs: () => number = () => performance.now(),
  { charactersMax, msMax }: RedactionLimits = LIMITS_DEFAULT,
): Redactor {
  const endsAt = elapsedMs() + msMax;
  let charactersLeft = charactersMax;
  let withheld = 0;

  /**
   * Reserves this many characters of the limit for a search and returns true. Returns false if fewer are left or if the
   * time is up. After that, all calls return false.
   */
  function reserveSearch(characters: number): boolean {
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
    // Names count toward the limit but are never redacted, because labels are found by name.
    if (!reserveSearch(name.length + Math.min(value.length, SEARCH_LENGTH_MAX))) return REDACTED;
    return matches(patterns.names, name) ? REDACTED : redactText(value, patterns);
  }

  function redactFreeText(text: string): string {
    const isSearched = text === '' || reserveSearch(Math.min(text.length, SEARCH_LENGTH_MAX));
    return isSearched ? redactText(text, patterns) : REDACTED;
  }

  return {
    withheldCount: () => withheld,
    redact(container) {
      const { command, exit } = container;
      const labels = Object.create(null) as Container['labels'];
      for (const [name, value] of Object.entries(container.labels)) labels[name] = redactLabel(name, value);
      const redacted = { ...container, command: redactFreeText(command), labels };
      if (exit && exit.error !== '') redacted.exit = { ...exit, error: redactFreeText(exit.error) };
      return redacted;
    },
  };
}

/** Matches `NAME=value` and `--name=value`, where the value may be quoted. */
const ASSIGNMENT = /(?<=^|[\s"'])(-{0,2}[\w.-]{1,128})(=)("[^"]*"|'[^']*'|[^\s"']+)/g;
/** Matches `--name value`, where the value may be quoted. */
const OPTION = /(?<=^|[\s"'])(-{1,2}[\w.-]{1,128})(\s+)("[^"]*"|'[^']*'|[^\s"'-][^\s"']*)/g;

/** Redacts all matches. The values of options and variables with matching names are also redacted. */
function redactText(text: string, patterns: RedactionPatterns): string {
  const redactValue = (match: string, name: string, separator: string): string =>
    matches(patterns.names, name) ? `${name}${separator}${REDACTED}` : match;
  const searched = text.slice(0, SEARCH_LENGTH_MAX).replace(ASSIGNMENT, redactValue).replace(OPTION, redactValue);
  const rest = text.length > SEARCH_LENGTH_MAX ? REDACTED : '';
  return searched.replace(patterns.values, REDACTED) + rest;
}

/**
 * Returns whether the pattern matches anywhere. `lastIndex` is reset because a pattern with the flag `g` continues
 * after its last match.
 */
function matches(pattern: RegExp, text: string): boolean {
  pattern.lastIndex = 0;
  return pattern.test(text);
}
