/** Which run of the database server produced a position or an id. */
export { type HistoryPoint, isSameHistory } from './database-history.js';
export { SERVER_RUN } from './server-run.sql.js';
