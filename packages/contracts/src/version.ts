/**
 * The version of Muster. Server, agent, CLI and dashboard are released together. A test checks that every package.json
 * has the same version.
 */
export const MUSTER_VERSION = '0.4.0';
