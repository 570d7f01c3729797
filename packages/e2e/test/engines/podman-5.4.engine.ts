import { PODMAN_EXITS, describeEngine } from '../support/engines/stories.js';

await describeEngine({ name: 'Podman', version: '5.4', releases: ['trixie'] }, PODMAN_EXITS);
