import { z } from 'zod';
import { toStorable } from './text.js';

/**
 * A container's labels, with any text as key or value. Parsed by hand, because `z.record` drops the key `__proto__`,
 * which is a valid label key. The result has no prototype, so it stores this key like any other.
 */
export const Labels = z
  .custom<Record<string, string>>((value) => typeof value === 'object' && value !== null && !Array.isArray(value), {
    error: 'must be an object with string values',
  })
  .transform((value, context) => {
    const labels = Object.create(null) as Record<string, string>;
    for (const rawKey of Object.keys(value)) {
      const rawText: unknown = value[rawKey];
      const key = toStorable(rawKey);
      const text = toStorable(rawText);
      if ('message' in key || 'message' in text) {
        const message = 'message' in text ? text.message : (key as { message: string }).message;
        context.issues.push({ code: 'custom', message, path: [rawKey], input: rawText });
        return z.NEVER;
      }
      labels[key.text] = text.text;
    }
    return labels;
  });
export type Labels = z.output<typeof Labels>;
