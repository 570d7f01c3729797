export { ApiError } from '../operator.js';
export { simulate } from './simulate.js';
export { summaryText, type SimulateOptions } from './summary.js';
