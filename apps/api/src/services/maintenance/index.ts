/** Periodic tasks, the database clock and retention. */
export { startBackgroundTasks } from './background-tasks.js';
export { addClockMetrics, createDatabaseClock } from './database-clock.js';
export { addRetentionMetrics } from './retention-metrics.js';
export { createRetentionService, EVENT_DAYS_DEFAULT, RETENTION_LEASE } from './retention.js';
