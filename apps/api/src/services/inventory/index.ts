/** Reads of hosts, containers, images, ports, projects and events. */
export { type ContainerReader, createContainerReader } from './container-reader.js';
export { countFleet, type FleetCounts } from './count-fleet.sql.js';
export { createEventReader, type EventReader } from './events.js';
export { type EventRow, toContainerEvent } from './event-row.js';
export { createExportService, type ExportService } from './export.js';
export { FEED_START, type FeedPosition, formatPosition, isAfter, parsePosition } from './feed-position.js';
export { createHostReader, type HostReader } from './hosts.js';
export { createImageReader, type ImageReader } from './images.js';
export { createPortReader, type PortReader } from './ports.js';
export { createProjectReader, type ProjectReader } from './projects.js';
export { createSummaryReader, type SummaryReader } from './summary.js';
