/** This agent's version, as reported to the API. A test keeps it equal to the version in package.json. */
export const AGENT_VERSION = '0.1.0';
