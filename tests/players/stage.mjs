// A page of our own with hls.js, Shaka and dash.js, on another origin than the media, in Chromium or in Firefox.
import fs from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import * as chromium from './browser.mjs';
import * as firefox from './firefox.mjs';

const here = path.dirname(fileURLToPath(import.meta.url));

/** Serves the page and the players on loopback. */
export async function serveStage() {
  const server = http.createServer((request, answer) => {
    const { pathname } = new URL(request.url, 'http://stage');
    const module = /^\/modules\/([\w./-]+)$/.exec(pathname)?.[1];
    const file = module ? path.join(here, 'node_modules', path.normalize(`/${module}`)) : path.join(here, 'stage.html');
    fs.readFile(file, (error, body) => {
      answer.writeHead(error ? 404 : 200, { 'Content-Type': module ? 'text/javascript' : 'text/html' });
      answer.end(body);
    });
  });
  await new Promise(done => server.listen(0, '127.0.0.1', done));
  return {
    url: `http://127.0.0.1:${server.address().port}/`,
    close: () => new Promise(done => { server.closeAllConnections(); server.close(done); }),
  };
}

/** Browsers by name; each `open(url)` gives a tab with `evaluate(expression)`, `screenshot(file)` and `close()`. */
export const browsers = {
  Chromium: async () => {
    const browser = await chromium.launch();
    return {
      async open(url) {
        const page = await chromium.open(browser);
        await page.goto(url);
        const devtools = await page.context().newCDPSession(page);
        await devtools.send('Network.enable');
        return {
          evaluate: expression => page.evaluate(expression),
          screenshot: file => page.screenshot({ path: file }),
          /** From now on the network brings so many bits per second, to all requests together. */
          throttle: bps => devtools.send('Network.emulateNetworkConditions', { offline: false, latency: 0, downloadThroughput: bps / 8, uploadThroughput: -1 }),
          close: () => page.context().close(),
        };
      },
      close: () => browser.close(),
    };
  },
  Firefox: firefox.launch,
};
