import { expect, test } from '@jest/globals';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';

test('the threat model links only to existing files, and has an entry for every risk of the OWASP API Security Top 10', async () => {
  const document = new URL('../../../docs/threat-model.md', import.meta.url);
  const text = await readFile(document, 'utf8');
  const links = [...text.matchAll(/\]\((?!https?:)([^)#]+)\)/g)].map(([, path]) => path!);
  expect(links.length).toBeGreaterThan(0);
  expect(links.filter((path) => !existsSync(new URL(path, document)))).toEqual([]);
  const rows = text.split(/^### /m).slice(1);
  expect(rows.map((row) => /^API\d+/.exec(row)?.[0])).toEqual(Array.from({ length: 10 }, (_, i) => `API${i + 1}`));
  for (const row of rows) {
    for (const part of ['Risk', 'Mitigation', 'Tests']) expect(row).toContain(`- **${part}**: `);
  }
});
