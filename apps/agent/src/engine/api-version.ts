/** The newest API version whose replies this agent was written for; a newer engine speaks it too. */
const ENGINE_API_VERSION_MAX = '1.52';

/** The version to speak with an engine that offers `offered` at most: the lower of the two; `offered` if it is unreadable. */
export function negotiateApiVersion(offered: string): string {
  const [major, minor] = parts(offered);
  const [majorMax, minorMax] = parts(ENGINE_API_VERSION_MAX);
  return major > majorMax || (major === majorMax && minor > minorMax) ? ENGINE_API_VERSION_MAX : offered;
}

const parts = (version: string): [number, number] => {
  const [major = Number.NaN, minor = Number.NaN] = version.split('.').map(Number);
  return [major, minor];
};
