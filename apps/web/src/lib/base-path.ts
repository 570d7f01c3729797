/**
 * The path of the server's public URL, such as `/muster`; '' if the URL has no path. A proxy serves this page under
 * this path. The server writes the path into the page.
 */
export const BASE_PATH: string =
  typeof document === 'undefined'
    ? ''
    : (document.querySelector<HTMLMetaElement>('meta[name="base-path"]')?.content ?? '');

/** The address of the server that served this page. */
export const SERVER_URL: string = window.location.origin + BASE_PATH;

/** Returns the part of a path after the base path. */
export const withoutBasePath = (path: string): string =>
  BASE_PATH !== '' && `${path}/`.startsWith(`${BASE_PATH}/`) ? path.slice(BASE_PATH.length) || '/' : path;
