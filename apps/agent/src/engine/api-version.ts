/** The newest engine API version that this agent supports. Engines with a newer version also support this version. */
const ENGINE_API_VERSION_MAX = '1.52';

/**
 * Returns the highest API version that both the agent and the engine support. `offered` is the engine's highest
 * version. Returns `offered` unchanged if it cannot be parsed.
 */
export function negotiateApiVersion(offered: string): string {
  const [major, minor] = parseVersion(offered);
  const [majorMax, minorMax] = parseVersion(ENGINE_API_VERSION_MAX);
  return major > majorMax || (major === majorMax && minor > minorMax) ? ENGINE_API_VERSION_MAX : offered;
}

const parseVersion = (version: string): [number, number] => {
  const [major = Number.NaN, minor = Number.NaN] = version.split('.').map(Number);
  return [major, minor];
};
