/** Queries of hosts, containers, images, ports, projects and events. */
export { createGetAttention, type GetAttention } from './attention.js';
export { type ContainerReader, createContainerReader } from './container-reader.js';
export { countByLabels, type LabelGroup } from './count-by-labels.sql.js';
export { countFleet, type FleetCounts } from './count-fleet.sql.js';
export { EVENT_COLUMNS, listEvents } from './events.js';
export { type EventRow, toContainerEvent } from './event-row.js';
export { exportContainers, exportEvents } from './export.js';
export { FEED_START, type FeedPosition, formatPosition, isPositionAfter, parsePosition } from './feed-position.js';
export { createGetFleetMap, type GetFleetMap } from './fleet-map.sql.js';
export { getHostFacets } from './host-facets.sql.js';
export { getHostGroups } from './host-groups.js';
export { getHost, getHosts, labelsBySource, listHosts, type HostLabelColumns } from './hosts.js';
export { getImageBuilds, listImages } from './images.js';
export { listPorts } from './ports.js';
export { listProjects } from './projects.js';
export { search } from './search.js';
export { discoverHosts, metricLabelName } from './service-discovery.js';
export { createGetSummary, type GetSummary } from './summary.js';
