import { execFileSync } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));

/** A package in the output of `pnpm list --json`. */
interface Listed {
  version: string;
  dependencies?: Record<string, Listed>;
}

/**
 * Returns the bill of materials of the agent's executable as CycloneDX 1.6 (JSON). It lists Node.js, and each package
 * with its hash.
 */
export async function billOfMaterials(version: string): Promise<string> {
  const lockfile = await readFile(`${ROOT}/pnpm-lock.yaml`, 'utf8');
  const manifest = JSON.parse(await readFile(`${ROOT}/package.json`, 'utf8')) as { packageManager: string };
  const packages = [...listedPackages(manifest.packageManager)].sort();
  const ref = (name: string): string => `pkg:npm/${name.replace('@', '%40')}`;
  const components = packages.map((at) => {
    const split = at.lastIndexOf('@');
    const [name, its] = [at.slice(0, split), at.slice(split + 1)];
    const purl = `${ref(name)}@${its}`;
    return {
      type: 'library',
      'bom-ref': purl,
      name,
      version: its,
      purl,
      hashes: [{ alg: 'SHA-512', content: integrityOf(lockfile, at) }],
    };
  });
  const node = { type: 'platform', 'bom-ref': 'node', name: 'node', version: process.versions.node };
  const agent = { type: 'application', 'bom-ref': 'muster-agent', name: 'muster-agent', version };
  const document = {
    bomFormat: 'CycloneDX',
    specVersion: '1.6',
    version: 1,
    metadata: { component: { ...agent, licenses: [{ license: { id: 'MIT' } }] } },
    components: [node, ...components],
    dependencies: [{ ref: 'muster-agent', dependsOn: ['node', ...components.map(({ purl }) => purl)] }],
  };
  return `${JSON.stringify(document, null, 2)}\n`;
}

/** Returns every npm package that the agent needs at runtime, as `name@version`. */
function listedPackages(packageManager: string): Set<string> {
  const pnpm = ['-y', packageManager, '--silent', '--filter', '@muster/agent'];
  const text = execFileSync('npx', [...pnpm, 'list', '--prod', '--depth', 'Infinity', '--json'], {
    cwd: ROOT,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const found = new Set<string>();
  function walk(dependencies: Record<string, Listed> = {}): void {
    for (const [name, listed] of Object.entries(dependencies)) {
      // Workspace packages are not listed, because they are part of the agent itself.
      if (!listed.version.startsWith('link:')) found.add(`${name}@${listed.version}`);
      walk(listed.dependencies);
    }
  }
  for (const { dependencies } of JSON.parse(text) as Pick<Listed, 'dependencies'>[]) walk(dependencies);
  return found;
}

/** Returns a package's SHA-512 from the lockfile as hexadecimal digits. */
function integrityOf(lockfile: string, at: string): string {
  const escaped = at.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
  const found = new RegExp(`^  '?${escaped}'?:\\n    resolution: \\{integrity: sha512-([^}, ]+)`, 'm').exec(lockfile);
  if (found === null) throw new Error(`the lockfile has no hash for ${at}`);
  return Buffer.from(found[1]!, 'base64').toString('hex');
}
