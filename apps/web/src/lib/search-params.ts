/** Reads the part of an address behind `?`. */
export function parseSearch(search: string): Record<string, string | string[]> {
  const params = new URLSearchParams(search);
  return Object.fromEntries(
    [...new Set(params.keys())].map((name) => {
      const values = params.getAll(name);
      return [name, values.length === 1 ? values[0]! : values];
    }),
  );
}

/** Writes it again; what is undefined or an empty list is left out. */
export function stringifySearch(search: Record<string, unknown>): string {
  const params = new URLSearchParams();
  for (const [name, value] of Object.entries(search)) {
    for (const one of Array.isArray(value) ? (value as unknown[]) : [value]) {
      if (typeof one === 'string' || typeof one === 'number') params.append(name, String(one));
    }
  }
  return params.size === 0 ? '' : `?${params}`;
}

/** All values of a parameter, or undefined where there is none. */
export function many(value: unknown): string[] | undefined {
  const values = (Array.isArray(value) ? (value as unknown[]) : [value]).filter(
    (one): one is string => typeof one === 'string' && one !== '',
  );
  return values.length === 0 ? undefined : values;
}

/** The first value of a parameter, or undefined where there is none. */
export const one = (value: unknown): string | undefined => many(value)?.[0];

/** The value where it is one of these, else undefined: an address is anybody's to write. */
export function oneOf<T extends string>(allowed: readonly T[], value: unknown): T | undefined {
  const first = one(value);
  return allowed.find((word) => word === first);
}
