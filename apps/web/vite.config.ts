import react from '@vitejs/plugin-react';
import { defaultClientConditions, defineConfig } from 'vite';

// Development builds from the source of workspace packages, production from their builds (ADR 4).
export default defineConfig(({ mode }) => ({
  plugins: [react()],
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
