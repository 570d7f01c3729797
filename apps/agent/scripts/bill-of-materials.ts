import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Library } from './libraries.js';

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));

/** A package in the output of `pnpm list --json`. */
interface ListedPackage {
  version: string;
  dependencies?: Record<string, ListedPackage>;
}

/**
 * Returns the bill of materials of the agent's release as CycloneDX 1.6 (JSON). It lists Node.js, each npm package in
 * the executable and each library in the image, with their hashes.
 */
export async function billOfMaterials(version: string, libraries: readonly Library[]): Promise<string> {
  const lockfile = await readFile(`${ROOT}/pnpm-lock.yaml`, 'utf8');
  const manifest = JSON.parse(await readFile(`${ROOT}/package.json`, 'utf8')) as { packageManager: string };
  const packages = [...runtimePackages(manifest.packageManager)].sort();
  const components = packages.map((packageId) => {
    const separatorAt = packageId.lastIndexOf('@');
    const [name, packageVersion] = [packageId.slice(0, separatorAt), packageId.slice(separatorAt + 1)];
    const purl = `pkg:npm/${name.replace('@', '%40')}@${packageVersion}`;
    return {
      type: 'library',
      'bom-ref': purl,
      name,
      version: packageVersion,
      purl,
      hashes: [{ alg: 'SHA-512', content: sha512Of(lockfile, packageId) }],
    };
  });
  const node = { type: 'platform', 'bom-ref': 'node', name: 'node', version: process.versions.node };
  const agent = { type: 'application', 'bom-ref': 'muster-agent', name: 'muster-agent', version };
  const document = {
    bomFormat: 'CycloneDX',
    specVersion: '1.6',
    version: 1,
    metadata: { component: { ...agent, licenses: [{ license: { id: 'MIT' } }] } },
    components: [node, ...components, ...libraries.map(libraryComponent)],
    dependencies: [{ ref: 'muster-agent', dependsOn: ['node', ...components.map(({ purl }) => purl)] }],
  };
  return `${JSON.stringify(document, null, 2)}\n`;
}

function libraryComponent({ path, package: debianPackage }: Library): object {
  return {
    type: 'library',
    'bom-ref': path,
    name: basename(path),
    ...(debianPackage === null ? {} : { version: debianPackage.version, group: debianPackage.name }),
    description: 'in the image only',
    hashes: [{ alg: 'SHA-512', content: createHash('sha512').update(readFileSync(path)).digest('hex') }],
  };
}

/** Returns every npm package that the agent needs at runtime, as `name@version`. */
function runtimePackages(packageManager: string): Set<string> {
  const pnpm = ['-y', packageManager, '--silent', '--filter', '@muster/agent'];
  const text = execFileSync('npx', [...pnpm, 'list', '--prod', '--depth', 'Infinity', '--json'], {
    cwd: ROOT,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const packageIds = new Set<string>();
  function collect(dependencies: Record<string, ListedPackage> = {}): void {
    for (const [name, listed] of Object.entries(dependencies)) {
      // Workspace packages are not listed, because they are part of the agent itself.
      if (!listed.version.startsWith('link:')) packageIds.add(`${name}@${listed.version}`);
      collect(listed.dependencies);
    }
  }
  for (const { dependencies } of JSON.parse(text) as Pick<ListedPackage, 'dependencies'>[]) collect(dependencies);
  return packageIds;
}

/** Returns a package's SHA-512 from the lockfile as hexadecimal digits. */
function sha512Of(lockfile: string, packageId: string): string {
  const escaped = packageId.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
  const match = new RegExp(`^  '?${escaped}'?:\\n    resolution: \\{integrity: sha512-([^}, ]+)`, 'm').exec(lockfile);
  if (match === null) throw new Error(`the lockfile has no hash for ${packageId}`);
  return Buffer.from(match[1]!, 'base64').toString('hex');
}
