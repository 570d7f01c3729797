export * from './client.js';
export { NetworkError, ProblemError, UnexpectedResponseError } from './errors.js';
export type { Answer, Input, PagedOperationName } from './operation-types.js';
export type { ConnectionState, StreamOptions } from './stream.js';
