export * from './chromium.js';
export * from './postgres.js';
export * from './docker-client.js';
export * from './docker.js';
export * from './program.js';
