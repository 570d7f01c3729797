import { DOCKER_EXITS, describeEngine } from '../support/engines/stories.js';

await describeEngine(
  { name: 'Docker', version: '', releases: ['sid'] },
  // Newer versions of runc end with 255, which Docker also reports for a process that it lost.
  { ...DOCKER_EXITS, 'exec-format-error': '255 unknown' },
);
