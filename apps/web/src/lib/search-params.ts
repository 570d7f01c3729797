/** Parses a query string. A parameter that occurs several times becomes an array. */
export function parseSearch(search: string): Record<string, string | string[]> {
  const params = new URLSearchParams(search);
  return Object.fromEntries(
    [...new Set(params.keys())].map((name) => {
      const values = params.getAll(name);
      return [name, values.length === 1 ? values[0]! : values];
    }),
  );
}

/**
 * Formats parameters as a query string, with `?` unless it is empty. Omits undefined values, empty arrays and false.
 */
export function stringifySearch(search: Record<string, unknown>): string {
  const params = new URLSearchParams();
  for (const [name, value] of Object.entries(search)) {
    for (const element of Array.isArray(value) ? (value as unknown[]) : [value]) {
      if (typeof element === 'string' || typeof element === 'number' || element === true) {
        params.append(name, String(element));
      }
    }
  }
  return params.size === 0 ? '' : `?${params}`;
}

/** Returns the distinct non-empty values of a parameter, or undefined if there are none. */
export function parseAll(value: unknown): string[] | undefined {
  const values = (Array.isArray(value) ? (value as unknown[]) : [value]).filter(
    (element): element is string => typeof element === 'string' && element !== '',
  );
  return values.length === 0 ? undefined : [...new Set(values)];
}

/** Returns the first non-empty value of a parameter, or undefined if there is none. */
export const parseFirst = (value: unknown): string | undefined => parseAll(value)?.[0];

/** Returns the first value if it is one of `allowed`, otherwise undefined, because a URL can contain any value. */
export function parseChoice<T extends string>(allowed: readonly T[], value: unknown): T | undefined {
  const firstValue = parseFirst(value);
  return allowed.find((choice) => choice === firstValue);
}

/**
 * Returns true if the first value is `true`, from a URL or from a link inside the page. Otherwise, returns undefined.
 */
export const parseFlag = (value: unknown): true | undefined =>
  value === true || parseFirst(value) === 'true' ? true : undefined;

/** Returns the distinct values that are in `allowed`, or undefined if there are none. */
export function parseChoices<T extends string>(allowed: readonly T[], value: unknown): T[] | undefined {
  const choices = parseAll(value)?.filter((choice): choice is T => (allowed as readonly string[]).includes(choice));
  return choices === undefined || choices.length === 0 ? undefined : choices;
}

/**
 * Returns the values except `value`, or undefined if none remain, because a query string cannot contain an empty list.
 */
export const removeValue = <T extends string>(values: readonly T[] | undefined, value: T): T[] | undefined => {
  const remaining = values?.filter((other) => other !== value) ?? [];
  return remaining.length === 0 ? undefined : remaining;
};
