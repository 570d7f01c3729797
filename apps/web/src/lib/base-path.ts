/**
 * The path of the server's public URL, under which a proxy serves this page, such as `/muster`; '' if there is none. The
 * server writes it into the page.
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
