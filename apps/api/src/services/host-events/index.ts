/** The history of hosts themselves: silences, problems, upgrades and changes by operators. */
export { createHostEventWriter, HOST_EVENTS_LEASE, type HostEventWriter } from './host-event-writer.js';
export { recordHostEvents } from './record-host-events.sql.js';
