export * from './api.js';
export * from './chromium.js';
export * from './disposables.js';
export * from './docker/engine.js';
export * from './is-available.js';
export * from './postgres/cluster.js';
export * from './program.js';
