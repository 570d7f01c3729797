import react from '@vitejs/plugin-react';
import { defaultClientConditions, defineConfig } from 'vite';
import { contractsWithoutSchemas } from './bundle/contracts-without-schemas.ts';
import { precompress } from './bundle/precompress.ts';
import { scriptBudget } from './bundle/script-budget.ts';

/** The promise is 200 kB: this leaves room for the host page's chart, which comes right after its page. */
const SCRIPT_KB_MAX = 176;

// Development builds from the source of workspace packages, production from their builds (ADR 4).
export default defineConfig(({ mode }) => ({
  plugins: [
    react(),
    // What follows needs builds, or takes time that nobody wants to wait for in development.
    ...(mode === 'development'
      ? []
      : [contractsWithoutSchemas(), scriptBudget({ kBMax: SCRIPT_KB_MAX }), precompress()]),
  ],
  resolve: {
    conditions: mode === 'development' ? ['source', ...defaultClientConditions] : [...defaultClientConditions],
  },
  build: {
    target: 'baseline-widely-available',
    // The policy of the page allows no `data:`: each asset is a file, and cached for good by its name.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    sourcemap: mode === 'development',
  },
}));
