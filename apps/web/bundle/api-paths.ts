/**
 * The prefixes of the paths that the API serves. In development, Vite forwards requests with these prefixes to the API.
 * All other paths are pages or modules of the dashboard.
 */
export const API_PATHS = [
  '/api/',
  '/healthz',
  '/readyz',
  '/metrics',
  '/openapi.json',
  '/docs',
  '/install.sh',
  '/agent-release/',
] as const;
