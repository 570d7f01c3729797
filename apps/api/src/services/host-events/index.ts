/** The history of hosts themselves: silences, problems, upgrades and changes by operators. */
export { recordHostEvents } from './record-host-events.sql.js';
