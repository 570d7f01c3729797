export * from './captures.js';
export * from './events.js';
export * from './life.js';
export * from './engine.js';
export * from './server.js';
