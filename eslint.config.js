import js from '@eslint/js';
import { defineConfig, globalIgnores } from 'eslint/config';
import reactHooks from 'eslint-plugin-react-hooks';
import tseslint from 'typescript-eslint';

/** A rule that is switched off without a word about why is off for good: nobody dares to switch it on again. */
const disableNeedsReason = {
  create: (context) => ({
    Program() {
      for (const comment of context.sourceCode.getAllComments()) {
        if (/^\s*eslint-disable/.test(comment.value) && !/\s--\s+\S/.test(comment.value)) {
          context.report({ loc: comment.loc, message: 'Say why, as in `eslint-disable-next-line rule -- reason`.' });
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

const PURE = 'is not pure: take it as an argument';

/** The rules of the API that only compute. */
const API_PURE_CORE = [
  'lib/{address-group,cursor,loggable-error,log-throttle,parse-or-throw,sort,token-bucket,tokens}',
  'http/origin',
  'services/accounts/{caller,operator-identity}',
  'services/freshness/freshness',
  'services/inventory/merge-pages',
  'services/live/{database-history,event-row,feed-position,stream-frame}',
  'services/sync/{container-changes,container-row,diff-snapshot,order,precheck-body,split-json-array,state-counts}',
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
        ...{ process: 'readonly', console: 'readonly', URL: 'readonly', Buffer: 'readonly', performance: 'readonly' },
        ...{ setTimeout: 'readonly', clearTimeout: 'readonly', AbortSignal: 'readonly', fetch: 'readonly' },
      },
    },
  },
  {
    files: ['**/*.cjs'],
    languageOptions: { sourceType: 'commonjs', globals: { module: 'writable', __dirname: 'readonly' } },
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
      // `void call()` also says "whatever this returns is not wanted", which outlives a change of what it returns.
      '@typescript-eslint/no-meaningless-void-operator': 'off',
      // With `noUncheckedIndexedAccess` a `!` is how code says that an index was checked; the rule would have each of
      // these become a branch that no test can reach.
      '@typescript-eslint/no-non-null-assertion': 'off',
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', ignoreRestSiblings: true }],
      '@typescript-eslint/prefer-readonly': 'error',
      // An interface's method may be asynchronous in one implementation and not in another.
      '@typescript-eslint/require-await': 'off',
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true }],
      '@typescript-eslint/return-await': ['error', 'error-handling-correctness-only'],
      '@typescript-eslint/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: true }],
    },
  },
  {
    files: ['apps/web/**/*.{ts,tsx}'],
    extends: [reactHooks.configs.flat.recommended],
    // It is about React's compiler, which does not run here.
    rules: { 'react-hooks/incompatible-library': 'off' },
  },
  {
    // One place knows the names of environment variables: what a program reads is what its `env.ts` declares.
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
    // What a caller sees is the contract's: a column that is renamed must not be a change of the API.
    files: ['apps/api/src/{routes,http}/**/*.ts'],
    rules: {
      'no-restricted-imports': [
        'error',
        {
          paths: [
            ENV_IS_READ_ONCE,
            { name: '@muster/db', importNames: ['Prisma'], message: 'Rows stay below: call a service.' },
          ],
        },
      ],
    },
  },
  {
    // The pure core: the same arguments give the same answer, so that a unit test can hold it.
    files: ['packages/contracts/src/**/*.ts', ...API_PURE_CORE, 'apps/simulate/src/model/**/*.ts'],
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
      // `test.skip` may be chosen where a real part is missing (which CI makes a failure); it may not be called outright.
      'no-restricted-syntax': [
        'error',
        {
          selector:
            'CallExpression[callee.object.name=/^(test|it|describe)$/][callee.property.name=/^(only|skip|todo)$/]',
          message: 'A test that does not run says nothing.',
        },
        {
          // jest refuses an empty list, and a filter makes one where a machine has no PostgreSQL.
          selector:
            'CallExpression[callee.property.name="each"] > CallExpression[callee.property.name="filter"][callee.object.callee.name="testEngines"]',
          message: 'What needs a server: const onServer = hasTestServer() ? describe : describe.skip.',
        },
      ],
      // jest's asymmetric matchers (`expect.any`, `expect.objectContaining`) are of type any.
      '@typescript-eslint/no-unsafe-assignment': 'off',
    },
  },
);
