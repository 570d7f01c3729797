import type { Plugin } from 'vite';

const CONTRACTS = '@muster/contracts';
const VIRTUAL_ID = '\0contracts-without-schemas';

/**
 * Replaces the contracts package with its data: paths, methods, statuses, names and limits. Inside this data, each
 * schema is replaced by `true`. The page validates nothing at run time, so it needs no schemas. Together with zod, the
 * schemas would make up a sixth of the page's script. The build fails if the page imports an export that is not data.
 */
export const contractsWithoutSchemas = (): Plugin => ({
  name: 'contracts-without-schemas',
  enforce: 'pre',
  resolveId: (source) => (source === CONTRACTS ? VIRTUAL_ID : null),
  async load(id) {
    if (id !== VIRTUAL_ID) return null;
    const exportEntries = Object.entries((await import(CONTRACTS)) as Record<string, unknown>);
    return exportEntries
      .filter(([, value]) => isData(value))
      .map(([name, value]) => `export const ${name} = ${JSON.stringify(value, replaceSchema)};`)
      .join('\n');
  },
});

/**
 * Returns whether the value is data, which JSON can represent. The package's other exports are functions and instances
 * of zod's classes.
 */
function isData(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return typeof value === 'string' || typeof value === 'number';
  return Array.isArray(value) || Object.getPrototypeOf(value) === Object.prototype;
}

/** Replaces schemas with `true`, and omits the parts of operations that only the OpenAPI document uses. */
function replaceSchema(key: string, value: unknown): unknown {
  if (key === 'description' || key === 'tag') return undefined;
  return typeof value === 'object' && value !== null && !isData(value) ? true : value;
}
