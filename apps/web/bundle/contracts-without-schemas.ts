import type { Plugin } from 'vite';

const CONTRACTS = '@muster/contracts';
const VIRTUAL = '\0contracts-without-schemas';

/**
 * Replaces the contracts package with its data: paths, methods, statuses, names and limits, with `true` for each
 * schema. The page validates nothing at run time, so it needs no schema, and zod with the schemas would be a sixth of
 * its script. An export that is not data is omitted, and importing it fails the build.
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

/** Returns whether JSON can represent the value. All other exports are functions and instances of zod's classes. */
function isData(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return typeof value === 'string' || typeof value === 'number';
  return Array.isArray(value) || Object.getPrototypeOf(value) === Object.prototype;
}

/** Replaces schemas with `true`, and omits the parts of operations that only the OpenAPI document uses. */
function schemaAsTrue(key: string, value: unknown): unknown {
  if (key === 'description' || key === 'tag') return undefined;
  return typeof value === 'object' && value !== null && !isData(value) ? true : value;
}
