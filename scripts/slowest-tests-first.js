/**
 * A jest sequencer that starts the slowest test files first. Otherwise, the run would end with one slow file on one
 * worker. Jest itself also starts with the slowest files, except in the first run, because it does not know the
 * durations yet. The list alternates between files that mostly wait and files that mostly use the CPU.
 */
import TestSequencer from '@jest/test-sequencer';

/** Files that take about 30 seconds or more, slowest first. A name that matches no file has no effect. */
const SLOWEST = [
  'e2e/test/integration/outages',
  'api/test/groups/concurrency',
  'e2e/test/openapi-fuzz/fuzz',
  'e2e/test/browser/story',
  'db/test/migrations',
  'db/test/backup',
  'db/test/move',
  'e2e/test/integration/docker',
  'api/test/main',
  'api/test/groups/accounts',
  'api/test/groups/refusals',
  'e2e/test/integration/many-containers',
  'api/test/groups/lists',
  'api/test/size-limits',
  'e2e/test/integration/demo',
  'api/test/groups/tokens',
  'api/test/groups/sync',
  'db/test/open-database',
  'api/test/admission',
  'api/test/announced-bodies',
  'api/test/groups/freshness',
  'e2e/test/browser/pages',
  'api/test/groups/agents',
  'api/test/groups/http',
  'e2e/test/integration/end-of-life',
  'api/test/groups/live',
  'e2e/test/browser/large',
  'db/test/schema-scripts',
  'api/test/slow-readers',
  'api/test/server',
];

const rank = ({ path }) => {
  const index = SLOWEST.findIndex((name) => path.endsWith(`/${name}.test.ts`));
  return index === -1 ? SLOWEST.length : index;
};

export default class SlowestFirst extends TestSequencer {
  sort(tests) {
    return super.sort(tests).sort((a, b) => rank(a) - rank(b));
  }
}
