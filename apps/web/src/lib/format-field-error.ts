/**
 * Converts the API's message about a field to a sentence: `currentPassword` and `is not correct` become "Current
 * password is not correct." A message that starts with a capital letter is kept without the field's name.
 */
export function formatFieldError(field: string, message: string): string {
  const subject = field.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);
  const text = /^[A-Z]/.test(message) ? message : `${subject} ${message}`.trim();
  return text.charAt(0).toUpperCase() + text.slice(1) + (/[.!?]$/.test(text) ? '' : '.');
}
