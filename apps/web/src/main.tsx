import '@fontsource-variable/ibm-plex-sans/wght.css';
import '@fontsource/ibm-plex-mono/latin-400.css';
import './design/index.css';
import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { App } from './app/app';
import { applyTheme } from './app/theme';
import { hideLinkToken } from './features/sign-in/link-token';

applyTheme();
// The token of a one-time link must be removed from the URL before the router reads the URL.
hideLinkToken();
// If a link leads to the page that is already open, only the part of the URL after `#` changes. The browser then does
// not reload the page. The page therefore reloads itself to use the new token.
window.addEventListener('hashchange', () => {
  if (hideLinkToken()) window.location.reload();
});
createRoot(document.getElementById('root')!).render(
  <StrictMode>
    <App />
  </StrictMode>,
);
