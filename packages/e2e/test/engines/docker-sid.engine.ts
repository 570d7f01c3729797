import { DOCKER_EXITS, describeEngine } from '../support/engines/stories.js';

await describeEngine({ name: 'Docker', version: '', releases: ['sid'] }, DOCKER_EXITS);
