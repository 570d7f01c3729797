/** This agent's version, as reported to the API. A test checks that it equals the version in package.json. */
export const AGENT_VERSION = '0.1.0';
