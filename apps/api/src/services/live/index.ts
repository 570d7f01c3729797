/** The live stream of changes. */
export { addFeedMetrics } from './feed-metrics.js';
export { createLiveFeed, type LiveFeedOptions } from './event-feed.js';
export { createLiveHosts } from './host-changes.js';
export { createLiveStream, type LiveStream, type LiveStreamOptions } from './live-stream.js';
export { HEARTBEAT, toFrame } from './frame.js';
export type { StreamSink } from './listener.js';
