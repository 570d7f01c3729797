import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import {
  eventually,
  isAvailable,
  runIf,
  startApi,
  startIfInstalled,
  startPostgresCluster,
  type Api,
} from '@muster/testkit';
import { createDatabase } from '@muster/testkit/databases';
import { freePort } from '../support/ports.js';

const ROOT = fileURLToPath(new URL('../../../..', import.meta.url));
const TOOLS = join(ROOT, 'node_modules/.cache/check-deploy');
const HELM = join(TOOLS, 'bin/helm');
const missing = existsSync(HELM) ? null : 'Helm is missing: run scripts/check-deploy once, which builds it';
/** Long enough for the requests of a draining server on a busy machine. */
const DRAIN_SECONDS = 8;
const TO_JSON = 'import json, sys, yaml; print(json.dumps(list(yaml.safe_load_all(sys.stdin))))';

interface RenderedObject {
  kind: string;
  data: Record<string, string>;
  spec: {
    template: {
      spec: {
        containers: [{ env: { name: string; value: string }[] }];
        volumes: {
          projected?: { sources: { secret: { items: { key: string; path: string }[] } }[] };
        }[];
      };
    };
  };
}

const cluster = missing === null ? await startIfInstalled(() => startPostgresCluster()) : null;
afterAll(() => cluster?.stop());

runIf(isAvailable(missing) && cluster !== null, describe)('the Helm chart', () => {
  let dir: string;
  let api: Api;
  let secretFile: (name: string) => string;
  const secrets: Record<string, string> = {};

  // Starts the API like a pod, with the variables of the rendered Deployment and the files of the rendered Secret.
  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), 'muster-helm-'));
    secretFile = (name) => join(dir, name);
    const port = await freePort();
    const objects = render({
      publicUrl: `http://127.0.0.1:${port}`,
      'secrets.databaseUrl.value': await createDatabase(cluster!.url, 'helm'),
      'serviceMonitor.enabled': 'true',
      drainSeconds: String(DRAIN_SECONDS),
    });
    const { containers, volumes } = objects.find(({ kind }) => kind === 'Deployment')!.spec.template.spec;
    const { data } = objects.find(({ kind }) => kind === 'Secret')!;
    for (const { secret } of volumes.flatMap(({ projected }) => projected?.sources ?? [])) {
      for (const { key, path } of secret.items) {
        secrets[path] = Buffer.from(data[key]!, 'base64').toString();
        await writeFile(secretFile(path), secrets[path], { mode: 0o440 });
      }
    }
    const env = Object.fromEntries(
      containers[0].env.map(({ name, value }) => [name, value.replace('/run/secrets/muster', dir)]),
    );
    // Listens on the loopback interface instead of all addresses. The chart has no admin key, but startApi would set an
    // admin key.
    const own = { HOST: '127.0.0.1', PORT: String(port), MUSTER_DATA_DIR: dir, MUSTER_ADMIN_KEY: '' };
    api = await startApi({ env: { ...env, ...own } });
  }, 300_000);
  afterAll(async () => {
    await api.stop();
    await rm(dir, { recursive: true, force: true });
  });

  test('starts a server whose probes succeed and whose metrics need the ServiceMonitor’s token', async () => {
    const status = async (path: string, headers = {}) => (await fetch(`${api.url}${path}`, { headers })).status;
    expect([await status('/healthz'), await status('/readyz'), await status('/metrics')]).toEqual([200, 200, 401]);
    expect(await status('/metrics', { authorization: `Bearer ${secrets['MUSTER_METRICS_TOKEN']}` })).toBe(200);
    expect(secrets['MUSTER_SECRET']).toMatch(/^[0-9A-Za-z]{48}$/);
  });

  test('makes the server drain after SIGTERM for the configured time', async () => {
    const stopping = performance.now();
    const stopped = api.stop('SIGTERM');
    await eventually(
      async () => expect((await fetch(`${api.url}/readyz`)).status).toBe(503),
      DRAIN_SECONDS * 1_000,
      50,
    );
    expect((await fetch(`${api.url}/healthz`)).status).toBe(200);
    await stopped;
    expect(performance.now() - stopping).toBeGreaterThanOrEqual(DRAIN_SECONDS * 1_000);
  });

  function render(values: Record<string, string>): RenderedObject[] {
    const chart = join(ROOT, 'deploy/helm/muster');
    const set = Object.entries(values).flatMap(([name, value]) => ['--set', `${name}=${value}`]);
    const yaml = execFileSync(HELM, ['template', 'muster', chart, '--kube-version', '1.29', ...set]);
    return JSON.parse(
      execFileSync(join(TOOLS, 'venv/bin/python'), ['-c', TO_JSON], { input: yaml, encoding: 'utf8' }),
    ) as RenderedObject[];
  }
});
