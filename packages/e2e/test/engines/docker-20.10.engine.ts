import { DOCKER_EXITS, describeEngine } from '../support/engines/stories.js';

await describeEngine({ name: 'Docker', version: '20.10', releases: ['bookworm'] }, DOCKER_EXITS);
