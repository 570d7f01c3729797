import { describe, expect, test } from '@jest/globals';
import { Operations, Paths } from '@muster/contracts';
import { readFile } from 'node:fs/promises';
import { API_PATHS } from '../bundle/api-paths';
import { contractsWithoutSchemas } from '../bundle/contracts-without-schemas';
import { scriptBudget } from '../bundle/script-budget';

describe('the paths that Vite forwards to the API', () => {
  const isApi = (path: string) => API_PATHS.some((prefix) => path.startsWith(prefix));

  test('include all paths of the API', () => {
    const paths = [...Object.values(Paths), ...Object.values(Operations).map(({ path }) => path)];
    for (const path of paths) expect([path, isApi(path)]).toEqual([path, true]);
  });

  test('include no page and no module of the dashboard', async () => {
    const router = await readFile(new URL('../src/app/router.tsx', import.meta.url), 'utf8');
    const pages = [...router.matchAll(/path: '(\/[^']*)'/g)].map(([, path]) => path!);
    expect(pages.length).toBeGreaterThan(8);
    for (const path of [...pages, '/src/main.tsx', '/@vite/client', '/node_modules/react', '/icon.svg']) {
      expect([path, isApi(path)]).toEqual([path, false]);
    }
  });
});

describe('the contracts in the page’s script', () => {
  async function load(): Promise<Record<string, unknown>> {
    const { resolveId, load } = contractsWithoutSchemas() as unknown as {
      resolveId: (source: string) => string | null;
      load: (id: string) => Promise<string>;
    };
    expect(resolveId('react')).toBeNull();
    const code = await load(resolveId('@muster/contracts')!);
    return (await import(`data:text/javascript,${encodeURIComponent(code)}`)) as Record<string, unknown>;
  }

  test('have all paths and operations, with `true` for each schema and without descriptions', async () => {
    const contracts = await load();
    expect(contracts['Paths']).toEqual(Paths);
    const operations = contracts['Operations'] as typeof Operations;
    expect(Object.keys(operations)).toEqual(Object.keys(Operations));
    for (const [name, operation] of Object.entries(operations)) {
      const { method, path } = Operations[name as keyof typeof Operations];
      expect(operation).toMatchObject({ method, path });
      expect(operation).not.toHaveProperty('description');
    }
    expect(operations.createApiKey.body).toBe(true);
  });

  test('contain no functions and no schemas', async () => {
    const contracts = await load();
    for (const value of Object.values(contracts)) expect(['string', 'number', 'object']).toContain(typeof value);
    for (const name of ['Container', 'HostPage', 'Summary']) expect(contracts).not.toHaveProperty(name);
  });
});

describe('the size limit of a page’s script', () => {
  const chunk = (fileName: string, size: number, rest: object = {}) => ({
    type: 'chunk',
    fileName,
    name: fileName,
    isEntry: false,
    isDynamicEntry: false,
    imports: [],
    // The text is random, because repeated text would be compressed to almost nothing.
    code: Array.from({ length: size }, (_, i) => String.fromCharCode(33 + ((i * i * 7919 + i * 104_729) % 94))).join(
      '',
    ),
    ...rest,
  });
  const run = (kBMax: number, chunks: object[]) => {
    const lines: string[] = [];
    const { generateBundle } = scriptBudget({ kBMax }) as unknown as {
      generateBundle: (this: object, options: object, bundle: object) => void;
    };
    const context = {
      info: (line: string) => lines.push(line),
      error(line: string) {
        throw new Error(line);
      },
    };
    generateBundle.call(context, {}, Object.fromEntries(chunks.map((output, index) => [index, output])));
    return lines.join('\n');
  };
  const entry = chunk('main', 400, { isEntry: true, imports: ['shared'] });
  const shared = chunk('shared', 400, { imports: ['main'] });
  const page = chunk('hosts-page', 400, { isDynamicEntry: true, imports: ['shared'] });

  test('counts each file of a page’s first load exactly once', () => {
    const kB = (chunks: object[]) => Number(/([\d.]+) kB {2}hosts-page/.exec(run(1_000, chunks))![1]);
    const kBWithoutShared = kB([
      { ...entry, imports: [] },
      { ...page, imports: [] },
    ]);
    expect(kB([entry, shared, page])).toBeCloseTo(kBWithoutShared * 1.5, 0);
    // A file that is loaded later is not counted.
    expect(kB([entry, shared, page, chunk('chart', 9_000)])).toBe(kB([entry, shared, page]));
  });

  test('fails the build if a page exceeds the limit, or if no page is found', () => {
    expect(() => run(0.1, [entry, shared, page])).toThrow('hosts-page needs more script than 0.1 kB');
    expect(() => run(1_000, [entry, shared])).toThrow('found no page chunk');
    expect(() => run(1_000, [shared, page])).toThrow('no entry chunk');
  });
});
