/** Returns a text as a part of the name of a Prometheus label. Each character that is not allowed becomes `_`. */
export const metricLabelName = (text: string): string => text.replace(/[^A-Za-z0-9_]/g, '_');
