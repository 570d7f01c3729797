/**
 * The version of the functions that derive stored values from a container's reported fields: `parseStatus`,
 * `deriveWorkload` and `isInfraContainer`. Increment it with every change to the results, so that stored rows are
 * derived again.
 */
export const DERIVATION_VERSION = 2;
