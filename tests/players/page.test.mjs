// The page, as a viewer uses it: find the film, click it, watch it, skip, change the language.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { launch, open, picture, video } from './browser.mjs';
import { films } from './films.mjs';
import { media, raw, startServer, until } from './server.mjs';

let browser, server;
before(async () => {
  server = await startServer({ library: media() });
  const { body } = await raw(server.url, '/');
  assert.ok(!body.includes('The page was not built'), 'this server has no page in it: build it with the page first');
  browser = await launch();
}, { timeout: 180_000 });
after(async () => { await browser?.close(); await server?.stop(); });

const named = (page, pattern) => page.getByRole('button', { name: pattern }).or(page.getByRole('link', { name: pattern }));

/** From the front page to the film's player; clicks Play where it does not start by itself. */
async function click(page, base, name) {
  await page.goto(`${base}/`);
  const card = page.getByRole('link').or(page.getByRole('button')).filter({ hasText: name }).first();
  await card.click({ timeout: 15_000 });
  await until('a video element', 15_000, () => video(page));
}

async function start(page) {
  await page.waitForTimeout(2000);
  if (!(await video(page)).paused) return;
  const play = named(page, /^play$/i).first();
  if (await play.isVisible()) await play.click();
}

/** Waits until the time is at least `from` and both time and pictures go on from there. */
async function advancing(page, from, ms) {
  let now = null;
  const told = () => `time ≥ ${from}, advancing; ${JSON.stringify(now)} ${page.wrong} ${page.answers}`;
  const first = await until(told, ms, async () => {
    now = await video(page);
    assert.equal(now?.error ?? null, null, `the video element has failed: ${now?.error}`);
    return now && now.time >= from && now;
  });
  return until(told, Math.max(ms / 2, 5000), async () => {
    now = await video(page);
    return now.time > first.time + 0.4 && now.frames > first.frames + 5 && now;
  });
}

/** A picture, not one flat colour; looks again a few times, as a film may have a dark moment. */
async function visible(page, shot) {
  let seen;
  await until(() => `a picture; ${JSON.stringify(seen)}`, 5000, async () => {
    seen = await picture(page, shot);
    return seen.colours >= 8 && seen.deviation > 20 && seen.commonest < 0.8;
  });
}

async function watched(page) {
  assert.deepEqual(page.wrong, []);
  await page.context().close();
}

for (const film of films) {
  describe(film.name, () => {
    test('plays from the front page', { timeout: 120_000 }, async () => {
      const page = await open(browser);
      await click(page, server.url, film.name);
      await start(page);
      await advancing(page, 1.5, 30_000);
      assert.ok((await video(page)).frames > 20, 'more than 20 pictures were shown');
      const { width, height, duration } = await video(page);
      assert.ok(width > 0 && height > 0, `${width}x${height}`);
      assert.ok(Math.abs(duration - film.seconds) < 0.2, `the player says ${duration} s`);
      await visible(page, film.name);
      await watched(page);
    });
  });
}

describe('two_languages.mkv in detail', () => {
  const name = 'two_languages.mkv';

  test('skips to 90 % and changes the language', { timeout: 120_000 }, async () => {
    const page = await open(browser);
    await click(page, server.url, name);
    await start(page);
    await advancing(page, 0.5, 30_000);
    await page.evaluate(() => { document.querySelector('video').currentTime = 108; });
    await advancing(page, 109, 10_000);
    await visible(page, 'two_languages-90');

    await page.locator('video').hover();
    const audio = named(page, /^audio/i).first();
    await audio.click({ timeout: 5000 });
    const german = page.getByRole('menuitemradio', { name: /Deutsch/ }).or(page.getByRole('menuitem', { name: /Deutsch/ }))
      .or(page.getByRole('radio', { name: /Deutsch/ })).or(page.getByRole('option', { name: /Deutsch/ })).or(named(page, /Deutsch/));
    const asked = page.waitForRequest(request => /\/media\/[^/]+\/a1/.test(request.url()), { timeout: 15_000 });
    await german.first().click({ timeout: 5000 });
    await asked;
    const { time } = await video(page);
    await advancing(page, time + 1.5, 15_000);
    await watched(page);
  });

  test('starts at 90 % of a film nobody has played', { timeout: 120_000 }, async () => {
    const fresh = await startServer({ library: media() });
    try {
      const page = await open(browser);
      await click(page, fresh.url, name);
      await until('the film is known to the video element', 20_000, async () => (await video(page)).ready >= 1, 20);
      await page.evaluate(() => { document.querySelector('video').currentTime = 108; });
      await start(page);
      await advancing(page, 109, 10_000);
      await visible(page, 'two_languages-fresh-90');
      await watched(page);
    } finally { await fresh.stop(); }
  });
});

test('heavy.mp4: no piece of a segment is lost where it comes faster than it is appended', { timeout: 120_000 }, async () => {
  const page = await open(browser);
  await click(page, server.url, 'heavy.mp4');
  await start(page);
  for (const to of [0, 21.3, 5.1, 30.7, 0.2, 13.9]) {
    await page.evaluate(to => { document.querySelector('video').currentTime = to; }, to);
    let now;
    await until(() => `five seconds in one piece from ${to} s on; ${JSON.stringify(now)}`, 20_000, async () => {
      now = await video(page);
      return now.time > to && now.buffered.some(([from, end]) => from <= to && end >= to + 5);
    });
  }
  await watched(page);
});

test('subtitles stand at their second, and above the bar while that is there', { timeout: 90_000 }, async () => {
  const page = await open(browser);
  await click(page, server.url, 'counted_subtitles.mkv');
  await start(page);
  await advancing(page, 0.5, 30_000);
  await page.mouse.move(600, 300);
  await named(page, /subtitles/i).first().click();
  await page.getByText('English').last().click();
  const look = () => page.evaluate(() => {
    const words = [...document.querySelectorAll('.captions *')].filter(element => element.textContent.trim() && !element.childElementCount);
    const box = element => element.getBoundingClientRect().toJSON();
    return {
      time: document.querySelector('video').currentTime, text: words.map(word => word.textContent).join(), idle: document.querySelector('.stage').classList.contains('idle'),
      words: words.map(box), buttons: box(document.querySelector('.bar .row')), window: { width: innerWidth, height: innerHeight },
    };
  });
  let seen;
  for (const idle of [false, true]) {
    await until(() => `a line, ${idle ? 'without' : 'with'} the bar; ${JSON.stringify(seen)}`, 30_000, async () => {
      if (!idle) await page.mouse.move(600 + Math.random() * 20, 300);
      seen = await look();
      // Not where a line is just coming or going.
      return seen.idle === idle && seen.text && seen.time % 4 > 0.3 && seen.time % 4 < 1.7 && seen;
    });
    assert.equal(seen.text, `Second ${Math.floor(seen.time / 4) * 4}`, `at ${seen.time} s`);
    const [{ left, right, top, bottom }] = seen.words;
    assert.ok(Math.abs(left + right - seen.window.width) < 40, `in the middle: ${left}–${right}`);
    assert.ok(top > seen.window.height / 2 && bottom <= (idle ? seen.window.height : seen.buttons.top), `${top}–${bottom}, ${JSON.stringify(seen)}`);
  }
  await watched(page);
});
