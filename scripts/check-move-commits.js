/**
 * Checks that each commit whose subject begins with `move:` only moves files. Such a commit must not add or delete
 * files. Each moved file must keep at least half of its content. In total, at most a tenth of the lines in the touched
 * files may change. Checks the commits since `before-restructure` (docs/benchmarks/baselines.json).
 */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

const SIMILARITY_MIN = 0.9;

const git = (...args) => execFileSync('git', args, { encoding: 'utf8', maxBuffer: 256 * 1024 * 1024 }).trimEnd();
const lines = (text) => (text === '' ? [] : text.split('\n'));

const { 'before-restructure': start } = JSON.parse(
  readFileSync(new URL('../docs/benchmarks/baselines.json', import.meta.url), 'utf8'),
);

const commits = lines(git('log', '--format=%H %s', `${start}..HEAD`)).filter((line) =>
  line.slice(line.indexOf(' ') + 1).startsWith('move:'),
);

const problems = commits.flatMap((line) => {
  const commit = line.slice(0, line.indexOf(' '));
  const diff = (...options) => lines(git('diff', '-M50%', '-l0', ...options, `${commit}^`, commit));
  const unpaired = diff('--name-status', '--diff-filter=AD').map((change) => `${line}: not a move: ${change}`);
  // `--numstat` is used only for the number of changed lines, because its paths of renamed files are hard to parse.
  const changed = diff('--numstat').reduce((sum, change) => sum + (Number(change.split('\t')[0]) || 0), 0);
  const paths = diff('--name-only');
  const total = paths.reduce((sum, path) => sum + lines(git('show', `${commit}:${path}`)).length, 0);
  const similarity = total === 0 ? 1 : 1 - changed / total;
  return similarity >= SIMILARITY_MIN
    ? unpaired
    : [
        ...unpaired,
        `${line}: ${(100 * similarity).toFixed(1)} % of the lines are unchanged, but at least 90 % must be`,
      ];
});

for (const problem of problems) console.error(problem);
console.log(`${commits.length} move commits, ${problems.length} problems`);
process.exitCode = problems.length === 0 ? 0 : 1;
