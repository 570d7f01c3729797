export * from './load/connection.js';
export * from './protocol/request.js';
export * from './seed-hosts.js';
