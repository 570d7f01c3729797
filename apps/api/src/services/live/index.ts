/** The live stream of changes. */
export { addFeedMetrics } from './feed-metrics.js';
export { createLiveStream, type LiveStream, type LiveStreamOptions } from './live-stream.js';
export { HEARTBEAT, toFrame } from './frame.js';
export type { StreamSink } from './listener.js';
