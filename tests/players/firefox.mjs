// Debian's Firefox without a window, spoken to in WebDriver BiDi. Its H.264 comes from the system's libavcodec.
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import WebSocket from 'ws';
import { sleep, temporary, until } from './server.mjs';

/** It plays by itself, and asks nobody but the server under test. */
const PREFERENCES = {
  'media.autoplay.default': 0,
  'media.gmp-manager.updateEnabled': false,
  'media.gmp-provider.enabled': false,
  'app.update.enabled': false,
  'app.normandy.enabled': false,
  'browser.safebrowsing.malware.enabled': false,
  'browser.safebrowsing.phishing.enabled': false,
  'browser.shell.checkDefaultBrowser': false,
  'datareporting.policy.dataSubmissionEnabled': false,
  'extensions.update.enabled': false,
  'network.captive-portal-service.enabled': false,
  'network.connectivity-service.enabled': false,
  'services.settings.server': 'data:,#remote-settings-dummy/v1',
  'toolkit.telemetry.enabled': false,
};

export async function launch() {
  const profile = temporary();
  const lines = Object.entries(PREFERENCES).map(([name, value]) => `user_pref(${JSON.stringify(name)}, ${JSON.stringify(value)});\n`);
  fs.writeFileSync(path.join(profile, 'user.js'), lines.join(''));
  const program = process.env.FIREFOX ?? '/usr/bin/firefox-esr';
  const child = spawn(program, ['--headless', '--no-remote', '--remote-debugging-port', '0', '--profile', profile, 'about:blank'],
    { stdio: ['ignore', 'ignore', 'pipe'], env: { ...process.env, HOME: profile, MOZ_CRASHREPORTER_DISABLE: '1' } });
  let said = '', ended = null;
  child.stderr.setEncoding('utf8').on('data', text => { said = (said + text).slice(-100_000); });
  const exit = new Promise(done => child.once('exit', code => done(ended = code ?? 'killed'))
    .once('error', error => done(ended = String(error))));
  const orphan = () => child.kill('SIGKILL');
  process.once('exit', orphan);
  const close = async () => {
    child.kill('SIGTERM');
    await Promise.race([exit, sleep(5000).then(orphan)]);
    await exit;
    process.off('exit', orphan);
    fs.rmSync(profile, { recursive: true, force: true, maxRetries: 10 });
  };
  try {
    const address = await until(() => `Firefox listens; it said:\n${said}`, 60_000, () => {
      if (ended !== null) throw new Error(`Firefox ended (${ended}):\n${said}`);
      return /ws:\/\/127\.0\.0\.1:\d+/.exec(said)?.[0];
    });
    return { ...await connect(`${address}/session`), close };
  } catch (error) {
    await close();
    throw error;
  }
}

async function connect(address) {
  const socket = new WebSocket(address);
  await new Promise((done, failed) => socket.once('open', done).once('error', failed));
  const waiting = new Map();
  let last = 0;
  socket.on('message', text => {
    const { id, type, result, error, message } = JSON.parse(text);
    const answer = waiting.get(id);
    waiting.delete(id);
    if (type === 'error') answer?.failed(new Error(`${error}: ${message}`));
    else answer?.done(result);
  });
  socket.on('close', () => waiting.forEach(answer => answer.failed(new Error('Firefox is gone'))));
  const ask = (method, params) => new Promise((done, failed) => {
    last += 1;
    waiting.set(last, { done, failed });
    socket.send(JSON.stringify({ id: last, method, params }));
  });
  await ask('session.new', { capabilities: {} });
  return {
    /** A new tab: `{evaluate, screenshot, close}`. */
    async open(url) {
      const { context } = await ask('browsingContext.create', { type: 'tab' });
      await ask('browsingContext.navigate', { context, url, wait: 'complete' });
      return {
        /** The value of an expression, or of the promise that it is. */
        async evaluate(expression) {
          const { result, exceptionDetails } = await ask('script.evaluate', {
            expression: `Promise.resolve(${expression}).then(value => JSON.stringify(value ?? null))`,
            target: { context }, awaitPromise: true,
          });
          if (exceptionDetails) throw new Error(exceptionDetails.text);
          return JSON.parse(result.value);
        },
        async screenshot(file) {
          const { data } = await ask('browsingContext.captureScreenshot', { context });
          fs.writeFileSync(file, Buffer.from(data, 'base64'));
        },
        close: () => ask('browsingContext.close', { context }),
      };
    },
  };
}
