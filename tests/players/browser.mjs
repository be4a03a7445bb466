// A headless Chromium, and what can be seen in it.
import { chromium } from 'playwright-core';
import { PNG } from 'pngjs';
import fs from 'node:fs';
import path from 'node:path';

export const launch = () => chromium.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  headless: true,
  args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
    '--disable-component-update', '--disable-sync', '--autoplay-policy=no-user-gesture-required'],
});

/** A new page with a list of everything that went wrong on it. */
export async function open(browser) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 } });
  const page = await context.newPage();
  page.wrong = [];
  page.on('pageerror', error => page.wrong.push(`uncaught: ${error.stack ?? error}`));
  page.on('console', message => {
    if (message.type() === 'error' && /content.security.policy/i.test(message.text())) page.wrong.push(`CSP: ${message.text()}`);
  });
  page.answers = [];
  page.on('response', answer => {
    if (answer.status() >= 400) page.answers.push(`${answer.status()} ${new URL(answer.url()).pathname}`);
  });
  return page;
}

/** What the video element knows of itself; null while there is none. */
export const video = page => page.evaluate(() => {
  const v = document.querySelector('video'), buffered = v?.buffered;
  return v && {
    time: v.currentTime, duration: v.duration, paused: v.paused, ready: v.readyState, error: v.error?.message ?? null,
    frames: v.getVideoPlaybackQuality().totalVideoFrames, width: v.videoWidth, height: v.videoHeight,
    buffered: [...Array(buffered.length).keys()].map(i => [buffered.start(i), buffered.end(i)]),
  };
});

/** The middle of the video (no controls there): how many coarse colours, and how much its brightness varies. */
export async function picture(page, shot) {
  const bytes = await page.locator('video').first().screenshot();
  if (process.env.PLAYER_SHOTS && shot) {
    fs.mkdirSync(process.env.PLAYER_SHOTS, { recursive: true });
    fs.writeFileSync(path.join(process.env.PLAYER_SHOTS, `${shot}.png`), bytes);
  }
  const { width, height, data } = PNG.sync.read(bytes);
  const colours = new Map();
  let count = 0, sum = 0, squares = 0;
  for (let y = Math.floor(height * 0.2); y < height * 0.8; y++) {
    for (let x = Math.floor(width * 0.2); x < width * 0.8; x++) {
      const at = (y * width + x) * 4, [r, g, b] = [data[at], data[at + 1], data[at + 2]];
      const colour = ((r >> 5) << 6) | ((g >> 5) << 3) | (b >> 5);
      colours.set(colour, (colours.get(colour) ?? 0) + 1);
      const light = 0.299 * r + 0.587 * g + 0.114 * b;
      count++; sum += light; squares += light * light;
    }
  }
  const mean = sum / count;
  return {
    colours: [...colours.values()].filter(n => n > count / 1000).length,
    deviation: Math.sqrt(Math.max(0, squares / count - mean * mean)),
    // A picture whose chroma is missing is all green: one channel far above the others everywhere.
    commonest: Math.max(...colours.values()) / count,
  };
}
