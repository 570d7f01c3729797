export * from './chromium.js';
export * from './postgres/cluster.js';
export * from './docker/client.js';
export * from './docker/engine.js';
export * from './program.js';
