/** Converts a text to a part of a Prometheus label name. Each character that is not allowed becomes `_`. */
export const metricLabelName = (text: string): string => text.replace(/[^A-Za-z0-9_]/g, '_');
