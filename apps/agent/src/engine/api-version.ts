/** The newest engine API version that this agent supports. Newer engines also support it. */
const ENGINE_API_VERSION_MAX = '1.52';

/**
 * Returns the lower of the agent's highest version and `offered`, the engine's. Returns `offered` if it cannot be
 * parsed.
 */
export function negotiateApiVersion(offered: string): string {
  const [major, minor] = parts(offered);
  const [majorMax, minorMax] = parts(ENGINE_API_VERSION_MAX);
  return major > majorMax || (major === majorMax && minor > minorMax) ? ENGINE_API_VERSION_MAX : offered;
}

const parts = (version: string): [number, number] => {
  const [major = Number.NaN, minor = Number.NaN] = version.split('.').map(Number);
  return [major, minor];
};
