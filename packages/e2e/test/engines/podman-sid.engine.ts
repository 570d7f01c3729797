import { PODMAN_EXITS, describeEngine } from '../support/engines/stories.js';

await describeEngine(
  { name: 'Podman', version: '', releases: ['sid'] },
  // Newer versions of runc end with 255.
  { ...PODMAN_EXITS, 'exec-format-error': '255 unknown' },
);
