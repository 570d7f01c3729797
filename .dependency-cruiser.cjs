/**
 * Who may import whom: the rule of ARCHITECTURE.md, as errors.
 *
 * Workspace packages resolve to their source (the `source` export condition), so that the rules below speak of files as
 * they lie in the repository: `packages/db/src/index.ts`, not what a build made of it.
 */
const { existsSync, readdirSync, readFileSync } = require('node:fs');
const { join } = require('node:path');

const npm = (...names) => `/node_modules/(@types/)?(${names.join('|')})/`;
const escaped = (path) => path.replaceAll('.', '\\.');

/** The source files that a package offers to others, as its package.json says. */
function entries(workspace) {
  const { exports = {} } = JSON.parse(readFileSync(join(__dirname, workspace, 'package.json'), 'utf8'));
  return Object.values(exports)
    .map((target) => (typeof target === 'string' ? target : target.source))
    .map((target) => `^${escaped(join(workspace, target))}$`);
}

const workspaces = ['apps', 'packages']
  .flatMap((folder) => readdirSync(join(__dirname, folder)).map((name) => `${folder}/${name}`))
  .filter((workspace) => existsSync(join(__dirname, workspace, 'package.json')));

/** What each workspace's source may import besides itself, Node and (where `npm` is absent) any package of npm. */
const mayImport = {
  'packages/contracts': { workspaces: [], npm: ['zod'] },
  'packages/client': { workspaces: ['packages/contracts'], npm: ['zod'] },
  'packages/directory-lock': { workspaces: [], npm: [] },
  'packages/db': {
    workspaces: ['packages/directory-lock'],
    npm: ['@prisma/[^/]+', 'pg', '@electric-sql/pglite'],
  },
  'packages/engine-replay': { workspaces: [], npm: ['zod'] },
  'packages/test-engines': { workspaces: [] },
  'packages/measure': { workspaces: ['packages/contracts'], npm: [] },
  'packages/bench': {
    workspaces: ['packages/contracts', 'packages/db', 'packages/measure', 'packages/test-engines', 'apps/api'],
  },
  'packages/faults': {
    workspaces: ['packages/contracts', 'packages/measure', 'packages/test-engines'],
    npm: ['pg', 'zod'],
  },
  'apps/api': { workspaces: ['packages/contracts', 'packages/db'] },
  'apps/agent': { workspaces: ['packages/contracts', 'packages/directory-lock'] },
  'apps/cli': { workspaces: ['packages/client', 'packages/contracts', 'packages/db'] },
  'apps/demo': { workspaces: ['packages/contracts', 'packages/engine-replay'] },
  'apps/web': {
    workspaces: ['packages/contracts', 'packages/client'],
    npm: ['react', 'react-dom', '@tanstack/[^/]+', 'radix-ui', 'uplot', '@fontsource[^/]*/[^/]+'],
  },
  'apps/simulate': { workspaces: ['packages/contracts'] },
};

/** The layers of the API, from the top. A file may import its own layer and those below. */
const apiLayers = ['main', 'env', 'app', 'routes', 'openapi', 'http', 'services', 'lib', 'errors'].map(
  (layer) => `^apps/api/src/${layer}(\\.ts$|/)`,
);

/** The API's files that only compute: time and randomness are arguments, and nothing is read or written. */
const API_PURE_CORE = [
  'errors',
  'lib/(address-group|cursor|loggable-error|log-throttle|parse-or-throw|sort|token-bucket|tokens)',
  'http/origin',
  'services/accounts/(caller|operator-identity)',
  'services/freshness/freshness',
  'services/inventory/merge-pages',
  'services/live/(database-history|event-row|feed-position|stream-frame)',
  'services/sync/(container-changes|container-row|diff-snapshot|order|precheck-body|split-json-array|state-counts)',
].map((path) => `^apps/api/src/${path}\\.ts$`);

/** The layers of the dashboard, from the top. */
const webLayers = ['(main|app)', 'features', 'components', 'lib'].map((layer) => `^apps/web/src/${layer}(\\.tsx?$|/)`);

/** Source that only tests import, though it lies in src/ so that other packages can. */
const TESTING = '^packages/db/src/testing\\.ts$';

/** Forbids imports from a layer to the layers above it. */
function layerRules(name, source, layers) {
  return layers.slice(1).map((layer, i) => ({
    name: `${name}-${i + 1}`,
    comment: `Imports in ${source} run downward, in the order of this file's list of layers.`,
    severity: 'error',
    from: { path: layer },
    to: { path: layers.slice(0, i + 1) },
  }));
}

module.exports = {
  forbidden: [
    {
      name: 'no-cycle',
      comment: 'Two modules that need each other are one module, or hide a third.',
      severity: 'error',
      from: {},
      to: { circular: true },
    },
    {
      name: 'resolvable',
      comment: 'An import that leads nowhere, or past what a package exports.',
      severity: 'error',
      from: {},
      to: { couldNotResolve: true },
    },
    ...Object.entries(mayImport).flatMap(([workspace, allowed]) => [
      {
        name: `${workspace}-workspaces`,
        comment: `The source of ${workspace} imports these workspaces alone: ${allowed.workspaces.join(', ') || 'none'}.`,
        severity: 'error',
        from: { path: `^${workspace}/src/`, pathNot: TESTING },
        to: { path: '^(apps|packages)/', pathNot: [workspace, ...allowed.workspaces].map((path) => `^${path}/`) },
      },
      ...(allowed.npm === undefined
        ? []
        : [
            {
              name: `${workspace}-npm`,
              comment: `The source of ${workspace} imports these packages alone: ${allowed.npm.join(', ') || 'none'}.`,
              severity: 'error',
              from: { path: `^${workspace}/src/`, pathNot: TESTING },
              to: { path: '/node_modules/|^node_modules/', pathNot: allowed.npm.map((name) => npm(name)) },
            },
          ]),
    ]),
    {
      name: 'contracts-and-client-run-anywhere',
      comment: 'The contracts and the client are for browsers too: none of Node.',
      severity: 'error',
      from: { path: '^packages/(contracts|client)/src/' },
      to: { dependencyTypes: ['core'] },
    },
    {
      name: 'no-app-imports-an-app',
      comment: 'Apps meet over HTTP. What two of them need is a package.',
      severity: 'error',
      from: { path: '^apps/([^/]+)/' },
      to: { path: '^apps/', pathNot: '^apps/$1/' },
    },
    {
      name: 'no-package-imports-an-app',
      comment:
        'Packages serve apps. Only the tests that need whole programs know them, and the benchmark, which measures ' +
        'the container service by itself beside other ways to do its work.',
      severity: 'error',
      from: { path: '^packages/', pathNot: '^packages/(integration-tests|bench)/' },
      to: { path: '^apps/' },
    },
    {
      name: 'only-through-exports',
      comment: "Another workspace's files are its own business, apart from what its package.json exports.",
      severity: 'error',
      from: { path: '^(apps|packages)/([^/]+)/' },
      to: { path: '^(apps|packages)/', pathNot: ['^$1/$2/', ...workspaces.flatMap(entries)] },
    },
    {
      name: 'by-name-not-by-path',
      comment: 'A relative path into another workspace is no dependency that pnpm or turbo knows of.',
      severity: 'error',
      from: { path: '^(apps|packages)/([^/]+)/' },
      to: { path: '^(apps|packages)/', pathNot: '^$1/$2/', dependencyTypes: ['local'] },
    },
    {
      name: 'no-tests-in-source',
      comment: 'Source does not import tests.',
      severity: 'error',
      from: { path: '^(apps|packages)/[^/]+/src/' },
      to: { path: '^(apps|packages)/[^/]+/(test|scripts)/' },
    },
    {
      name: 'no-dev-dependency-in-source',
      comment: 'What source imports at run time stands in `dependencies` of its own package.json.',
      severity: 'error',
      from: { path: '^(apps|packages)/[^/]+/src/', pathNot: TESTING },
      to: { dependencyTypes: ['npm-dev', 'npm-no-pkg', 'npm-unknown'], dependencyTypesNot: ['type-only'] },
    },
    ...layerRules('api-layers', 'apps/api/src', apiLayers),
    ...layerRules('web-layers', 'apps/web/src', webLayers),
    {
      name: 'api-every-file-has-a-layer',
      comment: 'A new folder or file at the top of apps/api/src needs its place in `apiLayers` above.',
      severity: 'error',
      from: {},
      to: { path: '^apps/api/src/', pathNot: apiLayers },
    },
    {
      name: 'api-core-knows-no-http',
      comment: 'Services and what is below them know nothing of Express or of HTTP.',
      severity: 'error',
      from: { path: '^apps/api/src/(services|lib|errors)(\\.ts$|/)' },
      to: { path: [npm('express', 'express-serve-static-core', 'helmet'), '^(node:)?https?$'] },
    },
    {
      name: 'api-domain-is-pure',
      comment: 'The pure core uses no database, no files and no network.',
      severity: 'error',
      from: { path: API_PURE_CORE },
      to: { path: ['^packages/db/', '^(node:)?(fs|net|tls|dns|child_process|timers|worker_threads)(/|$)'] },
    },
  ],
  options: {
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.base.json' },
    doNotFollow: { path: ['node_modules', '/dist/', '/generated/'] },
    exclude: { path: '/dist/' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['source', 'import', 'node', 'default', 'types'],
    },
    skipAnalysisNotInRules: true,
  },
};
