import '@fontsource-variable/ibm-plex-sans/wght.css';
import '@fontsource/ibm-plex-mono/latin-400.css';
import './design/index.css';
import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { App } from './app/app';
import { applyTheme } from './app/theme';
import { hideLinkToken } from './features/sign-in/link-token';

applyTheme();
// Before anything reads the address. A link that is opened where the page already is changes only what follows `#`.
hideLinkToken();
window.addEventListener('hashchange', () => {
  if (hideLinkToken()) window.location.reload();
});
createRoot(document.getElementById('root')!).render(
  <StrictMode>
    <App />
  </StrictMode>,
);
