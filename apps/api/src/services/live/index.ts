/** The live stream of changes. */
export { addFeedMetrics } from './feed-metrics.js';
export { createLiveFeed, type LiveFeedOptions } from './live-feed.js';
export { createLiveHosts } from './live-hosts.js';
export { createLiveStream, type LiveStream, type LiveStreamOptions } from './live-stream.js';
export { HEARTBEAT, toFrame } from './stream-frame.js';
export type { StreamSink } from './stream-listener.js';
