/** The live stream of changes. */
export { addFeedMetrics } from './feed-metrics.js';
export { createLiveStream, type LiveStream, type LiveStreamOptions } from './live-stream.js';
export type { StreamChunk } from './chunk.js';
export { HEARTBEAT_CHUNK, toChunk, toFrame } from './frame.js';
export type { StreamSink } from './listener.js';
