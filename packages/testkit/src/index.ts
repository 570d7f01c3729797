export * from './api-process.js';
export * from './chromium.js';
export * from './disposables.js';
export * from './docker/engine.js';
export * from './is-available.js';
export * from './ipc.js';
export * from './postgres/cluster.js';
export * from './child-process.js';
