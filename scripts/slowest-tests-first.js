/**
 * A jest sequencer that starts the slowest test files first, so that none of them is left alone at the end of the run.
 * Jest does this only from its second run on. Files that mostly wait alternate with files that mostly compute.
 */
import TestSequencer from '@jest/test-sequencer';

/** Files that take more than 30 seconds, slowest first. A name that matches no file has no effect. */
const SLOWEST = [
  'e2e/test/integration/outages',
  'e2e/test/browser/story',
  'api/test/sizes',
  'e2e/test/integration/docker',
  'e2e/test/browser/large',
  'api/test/admission',
  'e2e/test/integration/many-containers',
  'db/test/backup',
  'e2e/test/browser/pages',
  'e2e/test/integration/demo',
  'e2e/test/document/fuzz',
  'db/test/migrations',
  'api/test/groups/accounts',
  'api/test/groups/freshness',
  'api/test/groups/http',
  'api/test/groups/agents',
  'api/test/groups/lists',
  'api/test/groups/sync',
  'api/test/slow-readers',
  'api/test/access',
  'api/test/main',
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
