export * from './document.js';
export * from './format.js';
export * from './machine.js';
export * from './stats.js';
export * from './table.js';
