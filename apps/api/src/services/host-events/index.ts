/** The history of hosts themselves: silences, problems, upgrades and changes by operators. */
export { createHostEventWriter, HOST_EVENTS_LEASE, type HostEventWriter } from './host-event-writer.js';
export { labelChanges } from './label-changes.js';
export { recordHostEvents, type NewHostEvent } from './record-host-events.sql.js';
