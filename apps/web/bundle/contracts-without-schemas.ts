import type { Plugin } from 'vite';

const CONTRACTS = '@muster/contracts';
const VIRTUAL = '\0contracts-without-schemas';

/**
 * Gives the page the contracts as data: paths, methods, statuses, names and limits, and `true` where a schema stood.
 * The page sends what its types allow and takes what the API answers, so it runs no schema; zod and all of them would
 * be a sixth of its script. An export that is no data is left out: whoever imports it makes the build fail.
 */
export const contractsWithoutSchemas = (): Plugin => ({
  name: 'contracts-without-schemas',
  enforce: 'pre',
  resolveId: (source) => (source === CONTRACTS ? VIRTUAL : null),
  async load(id) {
    if (id !== VIRTUAL) return null;
    const exported = Object.entries((await import(CONTRACTS)) as Record<string, unknown>);
    return exported
      .filter(([, value]) => isData(value))
      .map(([name, value]) => `export const ${name} = ${JSON.stringify(value, schemaAsTrue)};`)
      .join('\n');
  },
});

/** What JSON can say at its top: the rest of the contracts are functions and instances of zod's classes. */
function isData(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return typeof value === 'string' || typeof value === 'number';
  return Array.isArray(value) || Object.getPrototypeOf(value) === Object.prototype;
}

/** Replaces schemas with `true`, and omits the descriptions of operations, which only the OpenAPI document uses. */
function schemaAsTrue(key: string, value: unknown): unknown {
  if (key === 'description') return undefined;
  return typeof value === 'object' && value !== null && !isData(value) ? true : value;
}
