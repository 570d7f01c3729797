import { DOCKER_EXITS, describeEngine } from '../support/engines/stories.js';

await describeEngine({ name: 'Docker', version: '26.1', releases: ['trixie'] }, DOCKER_EXITS);
