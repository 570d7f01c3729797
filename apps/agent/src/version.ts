/** This agent's version, as it tells it to the API; a test holds it equal to package.json's. */
export const AGENT_VERSION = '0.1.0';
