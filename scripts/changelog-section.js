// Prints the section of a version in CHANGELOG.md, without its heading: the notes of a release.
//
//   node scripts/changelog-section.js 0.4.0
import { readFileSync } from 'node:fs';

const version = process.argv[2];
const [, ...sections] = readFileSync(new URL('../CHANGELOG.md', import.meta.url), 'utf8').split(/^## /m);
const section = sections.find((each) => each.startsWith(`[${version}]`));
const text = section?.slice(section.indexOf('\n')).trim() ?? '';
if (text === '') {
  process.stderr.write(`CHANGELOG.md has no section ## [${version}], or the section is empty\n`);
  process.exit(1);
}
process.stdout.write(`${text}\n`);
