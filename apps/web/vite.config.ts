import react from '@vitejs/plugin-react';
import { defaultClientConditions, defineConfig } from 'vite';
import { contractsWithoutSchemas } from './bundle/contracts-without-schemas.ts';
import { precompress } from './bundle/precompress.ts';
import { scriptBudget } from './bundle/script-budget.ts';

/** The documented limit is 200 kB. The rest is reserved for the host page's chart, which loads right after its page. */
const SCRIPT_KB_MAX = 176;

// Development uses the sources of the workspace packages, production their builds (ADR 4).
export default defineConfig(({ mode }) => ({
  plugins: [
    react(),
    // These plugins need built packages, or are too slow for development.
    ...(mode === 'development'
      ? []
      : [contractsWithoutSchemas(), scriptBudget({ kBMax: SCRIPT_KB_MAX }), precompress()]),
  ],
  resolve: {
    conditions: mode === 'development' ? ['source', ...defaultClientConditions] : [...defaultClientConditions],
  },
  build: {
    target: 'baseline-widely-available',
    // The Content Security Policy forbids `data:` URLs. Separate files can also be cached permanently by name.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    sourcemap: mode === 'development',
  },
}));
