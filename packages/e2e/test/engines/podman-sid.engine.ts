import { PODMAN_EXITS, describeEngine } from '../support/engines/stories.js';

await describeEngine({ name: 'Podman', version: '', releases: ['sid'] }, PODMAN_EXITS);
