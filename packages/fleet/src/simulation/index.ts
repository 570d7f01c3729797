export { ApiError } from '../operator.js';
export type { SimulateOptions } from './options.js';
export { simulate } from './simulate.js';
export { summaryText } from './summary.js';
