import { PODMAN_EXITS, describeEngine } from '../support/engines/stories.js';

await describeEngine({ name: 'Podman', version: '4.3', releases: ['bookworm'] }, PODMAN_EXITS);
