/** The id of the header's search field. */
export const QUICK_SEARCH_ID = 'quick-search';

/** Moves the focus to the header's search field. */
export function focusQuickSearch(): void {
  const input = document.getElementById(QUICK_SEARCH_ID);
  if (!(input instanceof HTMLInputElement)) return;
  input.focus();
  input.select();
}
