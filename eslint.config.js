import js from '@eslint/js';
import { defineConfig, globalIgnores } from 'eslint/config';
import reactHooks from 'eslint-plugin-react-hooks';
import tseslint from 'typescript-eslint';

/**
 * Requires a reason in every comment that disables a rule, so that readers can judge whether the comment is still
 * needed.
 */
const disableNeedsReason = {
  create: (context) => ({
    Program() {
      for (const comment of context.sourceCode.getAllComments()) {
        if (/^\s*eslint-disable/.test(comment.value) && !/\s--\s+\S/.test(comment.value)) {
          context.report({ loc: comment.loc, message: 'State why, as in `eslint-disable-next-line rule -- reason`.' });
        }
      }
    },
  }),
};

const ENV_IS_READ_ONCE = {
  name: 'node:process',
  importNames: ['env'],
  message: 'Only main.ts and env.ts read the environment.',
};

const PURE = 'is not pure: pass it as an argument';

/** The files of the API that contain only pure functions. */
const API_PURE_CORE = [
  'lib/{address-group,cursor,database-history,loggable-error,log-throttle,paginate,parse-or-throw,token-bucket,tokens}',
  'http/origin',
  'services/identity/identity',
  'services/freshness/freshness',
  'services/inventory/{event-row,feed-position}',
  'services/live/frame',
  'services/sync/{container-changes,container-row,diff-snapshot,order,scan-body,state-counts}',
].map((path) => `apps/api/src/${path}.ts`);

export default defineConfig(
  globalIgnores(['**/dist/', '**/generated/', '**/fixtures/', '**/coverage/']),
  {
    files: ['**/*.{js,cjs,ts,tsx}'],
    extends: [js.configs.recommended],
    plugins: { muster: { rules: { 'disable-needs-reason': disableNeedsReason } } },
    linterOptions: { reportUnusedDisableDirectives: 'error' },
    rules: {
      eqeqeq: 'error',
      'muster/disable-needs-reason': 'error',
      'no-constructor-return': 'error',
      'no-self-compare': 'error',
      'no-template-curly-in-string': 'error',
      'no-unreachable-loop': 'error',
      'object-shorthand': 'error',
      'prefer-object-has-own': 'error',
    },
  },
  {
    files: ['**/*.{js,cjs}'],
    languageOptions: {
      globals: {
        process: 'readonly',
        console: 'readonly',
        URL: 'readonly',
        Buffer: 'readonly',
        performance: 'readonly',
        setTimeout: 'readonly',
        clearTimeout: 'readonly',
        AbortSignal: 'readonly',
        fetch: 'readonly',
      },
    },
  },
  {
    files: ['**/*.cjs'],
    languageOptions: {
      sourceType: 'commonjs',
      globals: { module: 'writable', __dirname: 'readonly', WebAssembly: 'readonly' },
    },
  },
  {
    files: ['**/*.{ts,tsx}'],
    extends: [tseslint.configs.strictTypeChecked],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      '@typescript-eslint/consistent-type-exports': 'error',
      '@typescript-eslint/consistent-type-imports': ['error', { fixStyle: 'inline-type-imports' }],
      '@typescript-eslint/no-confusing-void-expression': [
        'error',
        { ignoreArrowShorthand: true, ignoreVoidOperator: true, ignoreVoidReturningFunctions: true },
      ],
      '@typescript-eslint/no-import-type-side-effects': 'error',
      // `void call()` states that the caller ignores the result. It is allowed even if the function returns nothing.
      '@typescript-eslint/no-meaningless-void-operator': 'off',
      // With `noUncheckedIndexedAccess`, an element of an array may be undefined. `!` states that the index is valid.
      // Without `!`, the code would need branches that no test can reach.
      '@typescript-eslint/no-non-null-assertion': 'off',
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', ignoreRestSiblings: true }],
      '@typescript-eslint/prefer-readonly': 'error',
      // Some implementations of an asynchronous interface have nothing to await.
      '@typescript-eslint/require-await': 'off',
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true }],
      '@typescript-eslint/return-await': ['error', 'error-handling-correctness-only'],
      '@typescript-eslint/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: true }],
    },
  },
  {
    files: ['apps/web/**/*.{ts,tsx}'],
    extends: [reactHooks.configs.flat.recommended],
    // The rule concerns the React compiler, which this project does not use.
    rules: { 'react-hooks/incompatible-library': 'off' },
  },
  {
    // A program reads only the environment variables that its `env.ts` declares.
    files: ['apps/{api,agent,cli}/src/**/*.ts'],
    ignores: ['apps/*/src/main.ts', 'apps/*/src/env.ts'],
    rules: {
      'no-restricted-properties': [
        'error',
        { object: 'process', property: 'env', message: 'Only main.ts and env.ts read the environment.' },
      ],
      'no-restricted-imports': ['error', { paths: [ENV_IS_READ_ONCE] }],
    },
  },
  {
    // Routes do not return database rows. If they did, renaming a column would change the API.
    files: ['apps/api/src/{routes,http}/**/*.ts'],
    rules: {
      'no-restricted-imports': [
        'error',
        {
          paths: [
            ENV_IS_READ_ONCE,
            { name: '@muster/db', importNames: ['Prisma'], message: 'Do not use database rows here: call a service.' },
          ],
        },
      ],
    },
  },
  {
    // The contract states the method, the path and the access of every route.
    files: ['apps/api/src/routes/**/*.ts'],
    rules: {
      'no-restricted-syntax': [
        'error',
        {
          selector:
            'CallExpression[callee.property.name=/^(all|delete|get|head|options|patch|post|put|route)$/]:matches([callee.object.name=/^(app|router)$/], [callee.object.callee.name=/^(express|Router)$/])',
          message: 'Declare the route with `route(Operations.x, handler)`.',
        },
      ],
    },
  },
  {
    // Pure code does not read the clock or random values, so that equal arguments give equal results in unit tests.
    files: ['packages/contracts/src/**/*.ts', ...API_PURE_CORE, 'packages/fleet/src/model/**/*.ts'],
    rules: {
      'no-restricted-syntax': [
        'error',
        { selector: 'NewExpression[callee.name="Date"][arguments.length=0]', message: `The clock ${PURE}.` },
        {
          selector: 'CallExpression[callee.object.name=/^(Date|performance)$/][callee.property.name="now"]',
          message: `The clock ${PURE}.`,
        },
        {
          selector:
            'CallExpression[callee.object.name=/^(Math|crypto)$/][callee.property.name=/^(random|randomUUID|getRandomValues)$/]',
          message: `Randomness ${PURE}.`,
        },
      ],
    },
  },
  {
    files: ['**/test/**/*.ts'],
    rules: {
      // No test calls `describe.skip` directly. `runIf` and `serverOnly` skip a suite that needs a program, such as
      // PostgreSQL, that may be missing. In CI, a missing program is a failure.
      'no-restricted-syntax': [
        'error',
        {
          selector:
            'CallExpression[callee.object.name=/^(test|it|describe)$/][callee.property.name=/^(only|skip|todo)$/]',
          message: 'Do not skip or focus tests: a test that does not run verifies nothing.',
        },
        {
          // Without PostgreSQL, the filter returns an empty list, and jest refuses an empty list.
          selector:
            'CallExpression[callee.property.name="each"] > CallExpression[callee.property.name="filter"][callee.object.callee.name="testEngines"]',
          message: 'For suites that need a server: serverOnly(describe).',
        },
      ],
      // jest's asymmetric matchers (`expect.any`, `expect.objectContaining`) have the type any.
      '@typescript-eslint/no-unsafe-assignment': 'off',
    },
  },
);
