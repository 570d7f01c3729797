import react from '@vitejs/plugin-react';
import { defaultClientConditions, defineConfig, type Plugin } from 'vite';
import { API_PATHS } from './bundle/api-paths.ts';
import { contractsWithoutSchemas } from './bundle/contracts-without-schemas.ts';
import { precompress } from './bundle/precompress.ts';
import { scriptBudget } from './bundle/script-budget.ts';

/**
 * Maximum script size of a page's first load, in kilobytes. The documented limit is 200 kB. The difference is reserved
 * for the host page's chart, which loads right after the page.
 */
const SCRIPT_KB_MAX = 177;

/** The port of the page in development. The API listens on the next port (apps/api/scripts/development-env.ts). */
const port = Number(process.env['PORT'] || 3000);

/** Prevents Vite from printing its URL, because the API prints the same URL when it is ready. */
const quietStart: Plugin = {
  name: 'quiet-start',
  configureServer(server) {
    server.printUrls = () => undefined;
  },
};

// Development uses the sources of the workspace packages, and production uses their builds (ADR 4).
export default defineConfig(({ mode }) => ({
  plugins: [
    react(),
    quietStart,
    // These plugins need built packages, or are too slow for development.
    ...(mode === 'development'
      ? []
      : [contractsWithoutSchemas(), scriptBudget({ kBMax: SCRIPT_KB_MAX }), precompress()]),
  ],
  resolve: {
    conditions: mode === 'development' ? ['@muster/source', ...defaultClientConditions] : [...defaultClientConditions],
  },
  clearScreen: false,
  server: {
    host: '127.0.0.1',
    port,
    strictPort: true,
    // Like the API, this proxy allows no other origins. It preserves the page's Host header, because the API compares
    // this header with the origin of requests.
    cors: false,
    proxy: Object.fromEntries(API_PATHS.map((path) => [path, `http://127.0.0.1:${port + 1}`])),
  },
  // The server writes its base path into the page. Other files refer to each other with relative URLs.
  experimental: {
    renderBuiltUrl: (file, { hostType }) => (hostType === 'html' ? `/${file}` : { relative: true }),
  },
  build: {
    target: 'baseline-widely-available',
    // Assets are not inlined, because the Content Security Policy forbids `data:` URLs and browsers can cache files.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    sourcemap: mode === 'development',
  },
}));
