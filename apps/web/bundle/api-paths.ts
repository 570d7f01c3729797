/**
 * The starts of the paths that the API answers itself. In development, Vite sends them to the API; all other paths are
 * pages or modules of the dashboard.
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
