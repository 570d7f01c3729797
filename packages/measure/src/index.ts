export * from './connection.js';
export * from './format.js';
export * from './machine.js';
export * from './random.js';
export * from './request.js';
export * from './seed-hosts.js';
export * from './stats.js';
export * from './table.js';
