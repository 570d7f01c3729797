import '@fontsource-variable/ibm-plex-sans/wght.css';
import '@fontsource/ibm-plex-mono/latin-400.css';
import './design/index.css';
import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { App } from './app/app';
import { applyTheme } from './app/theme';
import { hideLinkToken } from './features/sign-in/link-token';

applyTheme();
// Runs before the router reads the URL. Opening a link to the page that is already open changes only the part of the
// URL after `#`, so that the browser does not reload the page.
hideLinkToken();
window.addEventListener('hashchange', () => {
  if (hideLinkToken()) window.location.reload();
});
createRoot(document.getElementById('root')!).render(
  <StrictMode>
    <App />
  </StrictMode>,
);
