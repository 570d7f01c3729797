/**
 * Enforces the import rule of ARCHITECTURE.md.
 *
 * Workspace packages resolve to their sources (the `@muster/source` export condition), so the rules below use the paths
 * of sources, such as `packages/db/src/index.ts`, and not of builds.
 */
const { existsSync, readdirSync, readFileSync } = require('node:fs');
const { join } = require('node:path');

const npm = (...names) => `/node_modules/(@types/)?(${names.join('|')})/`;
const escaped = (path) => path.replaceAll('.', '\\.');

/** Returns patterns that match the source files listed under `exports` in a workspace's package.json. */
function entries(workspace) {
  const { exports = {} } = JSON.parse(readFileSync(join(__dirname, workspace, 'package.json'), 'utf8'));
  return Object.values(exports)
    .map((target) => (typeof target === 'string' ? target : target['@muster/source']))
    .map((target) => `^${escaped(join(workspace, target))}$`);
}

const workspaces = ['apps', 'packages']
  .flatMap((folder) => readdirSync(join(__dirname, folder)).map((name) => `${folder}/${name}`))
  .filter((workspace) => existsSync(join(__dirname, workspace, 'package.json')));

/**
 * The workspaces and npm packages that each workspace's source may import. If `npm` is missing, any npm package is
 * allowed.
 */
const mayImport = {
  'packages/contracts': { workspaces: [], npm: ['zod'] },
  'packages/client': { workspaces: ['packages/contracts'], npm: ['zod'] },
  'packages/directory-lock': { workspaces: [], npm: [] },
  'packages/db': {
    workspaces: ['packages/directory-lock'],
    npm: ['@prisma/[^/]+', 'pg', '@electric-sql/pglite'],
  },
  'packages/testkit': { workspaces: ['packages/contracts'] },
  'packages/fleet': { workspaces: ['packages/contracts', 'packages/client', 'packages/testkit'] },
  'packages/e2e': { workspaces: ['packages/contracts', 'packages/fleet', 'packages/testkit'], npm: ['zod'] },
  'packages/bench': {
    workspaces: ['packages/contracts', 'packages/db', 'packages/fleet', 'packages/testkit', 'apps/api'],
  },
  'apps/api': { workspaces: ['packages/contracts', 'packages/db'] },
  'apps/agent': { workspaces: ['packages/contracts', 'packages/directory-lock'] },
  'apps/cli': { workspaces: ['packages/client', 'packages/contracts', 'packages/db'] },
  'apps/demo': { workspaces: ['packages/client', 'packages/fleet', 'packages/testkit'], npm: [] },
  'apps/web': {
    workspaces: ['packages/contracts', 'packages/client'],
    npm: ['react', 'react-dom', '@tanstack/[^/]+', 'radix-ui', 'uplot', '@fontsource[^/]*/[^/]+'],
  },
  'apps/simulate': { workspaces: ['packages/contracts', 'packages/fleet'], npm: [] },
};

/** The layers of the API, highest first. A file may import from its own layer and from lower layers. */
const apiLayers = ['main', 'env', 'app', 'routes', 'openapi', 'http', 'services', 'lib', 'errors'].map(
  (layer) => `^apps/api/src/${layer}(\\.ts$|/)`,
);

/** The API's files that only compute: time and randomness are arguments, and nothing is read or written. */
const API_PURE_CORE = [
  'errors',
  'lib/(address-group|cursor|database-history|loggable-error|log-throttle|paginate|parse-or-throw|token-bucket|tokens)',
  'http/origin',
  'services/identity/identity',
  'services/availability/(availability|outages)',
  'services/freshness/freshness',
  'services/host-events/silence-events',
  'services/inventory/(event-row|feed-position)',
  'services/live/frame',
  'services/sync/(container-changes|container-row|diff-snapshot|order|scan-body|state-counts)',
].map((path) => `^apps/api/src/${path}\\.ts$`);

/** The files that implement `syncContainers`. */
const SYNC = '^apps/api/src/services/sync/';

/** The layers of the dashboard, highest first. */
const webLayers = ['(main|app)', 'features', 'components', 'lib'].map((layer) => `^apps/web/src/${layer}(\\.tsx?$|/)`);

/** A source file that only tests import. It is in src/ so that tests of other packages can import it. */
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
      comment: 'Merge modules that import each other, or extract what both need into a third module.',
      severity: 'error',
      from: {},
      to: { circular: true },
    },
    {
      name: 'resolvable',
      comment: 'The imported module does not exist, or its package does not export it.',
      severity: 'error',
      from: {},
      to: { couldNotResolve: true },
    },
    ...Object.entries(mayImport).flatMap(([workspace, allowed]) => [
      {
        name: `${workspace}-workspaces`,
        comment: `${workspace}/src may import only these workspaces: ${allowed.workspaces.join(', ') || 'none'}.`,
        severity: 'error',
        from: { path: `^${workspace}/src/`, pathNot: TESTING },
        to: { path: '^(apps|packages)/', pathNot: [workspace, ...allowed.workspaces].map((path) => `^${path}/`) },
      },
      ...(allowed.npm === undefined
        ? []
        : [
            {
              name: `${workspace}-npm`,
              comment: `${workspace}/src may import only these npm packages: ${allowed.npm.join(', ') || 'none'}.`,
              severity: 'error',
              from: { path: `^${workspace}/src/`, pathNot: TESTING },
              to: { path: '/node_modules/|^node_modules/', pathNot: allowed.npm.map((name) => npm(name)) },
            },
          ]),
    ]),
    {
      name: 'contracts-and-client-run-anywhere',
      comment: 'The contracts and the client also run in browsers, so they may not import Node.js modules.',
      severity: 'error',
      from: { path: '^packages/(contracts|client)/src/' },
      to: { dependencyTypes: ['core'] },
    },
    {
      name: 'no-app-imports-an-app',
      comment: 'Apps communicate over HTTP. Move code that two apps need to a package.',
      severity: 'error',
      from: { path: '^apps/([^/]+)/' },
      to: { path: '^apps/', pathNot: '^apps/$1/' },
    },
    {
      name: 'no-package-imports-an-app',
      comment:
        'Packages do not import apps. Exceptions are the integration tests, which need whole programs, and the ' +
        'benchmark, which compares the container service with other implementations.',
      severity: 'error',
      from: { path: '^packages/', pathNot: '^packages/(e2e|bench)/' },
      to: { path: '^apps/' },
    },
    {
      name: 'only-through-exports',
      comment: 'Import only what the package.json of the other workspace exports.',
      severity: 'error',
      from: { path: '^(apps|packages)/([^/]+)/' },
      to: { path: '^(apps|packages)/', pathNot: ['^$1/$2/', ...workspaces.flatMap(entries)] },
    },
    {
      name: 'by-name-not-by-path',
      comment: 'Import other workspaces by package name: pnpm and turbo do not detect relative paths as dependencies.',
      severity: 'error',
      from: { path: '^(apps|packages)/([^/]+)/' },
      to: { path: '^(apps|packages)/', pathNot: '^$1/$2/', dependencyTypes: ['local'] },
    },
    {
      name: 'no-tests-in-source',
      comment: 'Source may not import tests or scripts. The exception is the program that runs the fault tests.',
      severity: 'error',
      from: { path: '^(apps|packages)/[^/]+/src/', pathNot: '^packages/e2e/src/faults/(command|run)\\.ts$' },
      to: { path: '^(apps|packages)/[^/]+/(test|scripts)/' },
    },
    {
      name: 'no-dev-dependency-in-source',
      comment: 'List packages that source imports at run time in `dependencies` of its package.json.',
      severity: 'error',
      from: { path: '^(apps|packages)/[^/]+/src/', pathNot: TESTING },
      to: { dependencyTypes: ['npm-dev', 'npm-no-pkg', 'npm-unknown'], dependencyTypesNot: ['type-only'] },
    },
    ...layerRules('api-layers', 'apps/api/src', apiLayers),
    ...layerRules('web-layers', 'apps/web/src', webLayers),
    {
      name: 'api-every-file-has-a-layer',
      comment: 'Add a new top-level folder or file of apps/api/src to `apiLayers` above.',
      severity: 'error',
      from: {},
      to: { path: '^apps/api/src/', pathNot: apiLayers },
    },
    {
      name: 'api-features-through-their-index',
      comment: 'Import a feature of apps/api/src/services through its index.ts.',
      severity: 'error',
      from: { path: '^apps/api/src/', pathNot: '^apps/api/src/services/[^/]+/' },
      to: { path: '^apps/api/src/services/[^/]+/', pathNot: ['/index\\.ts$', SYNC] },
    },
    {
      name: 'api-features-through-the-index-of-others',
      comment: 'A feature imports its own files directly, and other features through their index.ts.',
      severity: 'error',
      from: { path: '^apps/api/src/services/([^/]+)/' },
      to: { path: '^apps/api/src/services/[^/]+/', pathNot: ['^apps/api/src/services/$1/', '/index\\.ts$'] },
    },
    {
      name: 'api-sync-has-one-entry-point',
      comment: 'Only services/container.ts imports the files of the sync itself.',
      severity: 'error',
      from: { path: '^apps/api/src/', pathNot: ['^apps/api/src/services/container\\.ts$', SYNC] },
      to: { path: SYNC, pathNot: '/index\\.ts$' },
    },
    {
      name: 'api-core-knows-no-http',
      comment: 'Services and the layers below them may not import Express or HTTP modules.',
      severity: 'error',
      from: { path: '^apps/api/src/(services|lib|errors)(\\.ts$|/)' },
      to: { path: [npm('express', 'express-serve-static-core', 'helmet'), '^(node:)?https?$'] },
    },
    {
      name: 'api-domain-is-pure',
      comment: 'The pure core may not use the database, files, the network, processes or timers.',
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
      conditionNames: ['@muster/source', 'import', 'node', 'default', 'types'],
    },
    skipAnalysisNotInRules: true,
  },
};
