// Segments of two encoders behind one init segment: a store that two services filled by turns, each with another
// encoder, and browsers that play across the joins.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { playlist, variants } from './films.mjs';
import { media, raw, startServer, temporary, until } from './server.mjs';
import { browsers, serveStage } from './stage.mjs';

const NAME = 'counted.mp4', RATE = 25, HEIGHT = 360;
/** Top left to right, as make-media.sh paints them. */
const COLOURS = [[0xc0, 0x30, 0x20], [0x20, 0xb0, 0x40], [0x30, 0x40, 0xc0]];

let home, server, stage, mixed;
const open = {};

const serve = (library, profile) => startServer({ library, home, environment: { MILLRACE_ENCODE_PROFILE: profile } });
const manifest = (kind, id) => kind === 'hls.js' ? `${server.url}/hls/${id}/index.m3u8` : `${server.url}/dash/${id}/manifest.mpd`;

/** The rung of the source's size: its name, playlist, init segment and segments. */
async function rung(of) {
  const { id } = of.files[NAME];
  const found = (await variants(`${of.url}/hls/${id}/index.m3u8?copy=none`)).find(({ rendition }) => rendition.startsWith(`v${HEIGHT}-`));
  const list = await playlist(found.url);
  const bytes = async url => {
    const { status, body } = await raw(of.url, new URL(url).pathname);
    assert.equal(status, 200, `${url}: ${status} ${body}`);
    return body;
  };
  const made = [];
  for (const { url } of list.segments) made.push(await bytes(url));
  return { name: found.rendition, list, init: await bytes(list.init), made };
}

/** Files of the store once they are all written. */
async function writtenSegments(folder, count) {
  const names = () => fs.existsSync(folder) ? fs.readdirSync(folder).filter(name => /^\d+\.m4s$/.test(name)) : [];
  return until(() => `${count} segments in ${folder}: ${names()}`, 10_000, () => names().length === count && names());
}

before(async () => {
  home = temporary();
  const library = media();
  const alone = path.join(home, 'library');
  fs.mkdirSync(alone);
  fs.copyFileSync(path.join(library, NAME), path.join(alone, NAME));
  const first = await serve(alone, 'software');
  const own = await rung(first);
  const { id } = first.files[NAME];
  const folder = path.join(home, 'cache', 'segments', id, own.name);
  const names = await writtenSegments(folder, own.made.length);
  await first.stop();
  // As the store does with what nobody has read for long.
  names.filter(name => parseInt(name, 10) % 2 === 1).forEach(name => fs.rmSync(path.join(folder, name)));
  server = await serve(alone, 'openh264');
  mixed = await rung(server);
  assert.equal(mixed.name, own.name, 'the rendition has one name, whoever encodes it');
  assert.deepEqual(mixed.list.segments.map(s => s.duration), own.list.segments.map(s => s.duration));
  assert.equal(mixed.init.toString('hex'), own.init.toString('hex'), 'the init segment is frozen');
  mixed.made.forEach((bytes, n) => {
    assert.equal(bytes.equals(own.made[n]), n % 2 === 0, `segment ${n} is of the ${n % 2 === 0 ? 'first' : 'second'} encoder`);
  });
  stage = await serveStage();
  for (const [name, launch] of Object.entries(browsers)) open[name] = await launch();
}, { timeout: 240_000 });

after(async () => {
  for (const browser of Object.values(open)) await browser.close();
  await stage?.close();
  await server?.stop();
  if (home) fs.rmSync(home, { recursive: true, force: true });
});

const evaluate = (tab, name, ...values) => tab.evaluate(`${name}(${values.map(value => JSON.stringify(value)).join(', ')})`);
const set = (tab, name, value) => tab.evaluate(`video.${name} = ${value}`);

/** The state once `look` finds in it what it waits for; the player may report nothing wrong until then. */
async function stateWith(tab, what, look) {
  let now;
  return until(() => {
    const { seen, ...rest } = now;
    return `${what}; ${JSON.stringify(rest)} ${JSON.stringify(seen.slice(-5))}`;
  }, 30_000, async () => {
    now = await evaluate(tab, 'state');
    assert.equal(now.error, null, `the video element has failed: ${now.error}`);
    assert.deepEqual(now.errors, [], 'the player complains');
    return look(now) && now;
  });
}

/** Waits of the player for media that no seek explains. */
function stalls(events) {
  const from = events.findIndex(({ kind }) => kind === 'playing');
  let seeking = false;
  return events.slice(from).filter(({ kind, ahead }) => {
    if (kind === 'seeking') seeking = true;
    if (kind === 'playing') seeking = false;
    return kind === 'waiting' && !seeking && ahead < 0.5;
  });
}

/** Every picture has its colours, and is near its time: a browser may tell the time of the one before or after. */
function right(seen, where) {
  for (const { time, own = time, frame, colours } of seen) {
    // Whoever is called late finds a later picture than the one of that time. It knows its own, but in Firefox.
    const near = [time, own].some(time => Math.abs(frame - time * RATE) <= RATE);
    assert.ok(near, `${where}: picture ${frame} was shown at ${time} s, ${own} s by itself`);
    const off = Math.max(...colours.flatMap((colour, i) => colour.map((value, k) => Math.abs(value - COLOURS[i][k]))));
    assert.ok(off <= 16, `${where}: at ${time} s the colours are ${JSON.stringify(colours)}`);
  }
}

/** Standing still, the first and the last picture of a segment are exactly those. */
async function edges(tab, n) {
  const { start, duration } = mixed.list.segments[n];
  const last = Math.round((start + duration) * RATE) - 1;
  for (const frame of [Math.round(start * RATE), last]) {
    await set(tab, 'currentTime', (frame + 0.5) / RATE);
    let now;
    // A seek while a segment still arrives makes Shaka leave a hole where its rest should be.
    const arrived = () => now.buffered.some(([from, to]) => from <= start + 0.5 / RATE && to >= (last + 0.5) / RATE);
    await until(() => `picture ${frame} of segment ${n}; ${JSON.stringify(now)}`, 20_000, async () => {
      now = await evaluate(tab, 'still');
      return now.ready && now.frame === frame && arrived();
    }, 50);
    right([{ ...now, time: frame / RATE }], `segment ${n}, standing still`);
  }
}

const segmentOf = frame => mixed.list.segments.findLastIndex(({ start }) => start <= frame / RATE + 0.001);

for (const browser of Object.keys(browsers)) {
  for (const player of ['hls.js', 'Shaka']) {
    test(`${player} in ${browser} plays and seeks across segments of two encoders`, { timeout: 90_000 }, async context => {
      const tab = await open[browser].open(stage.url);
      // What lies far behind is fetched and appended again.
      const settings = player === 'hls.js' ? { backBufferLength: 5 } : {};
      await evaluate(tab, 'start', player, `${manifest(player, server.files[NAME].id)}?copy=none`, HEIGHT, null, settings);
      await stateWith(tab, 'it plays', ({ time }) => time > 0.2);
      await set(tab, 'playbackRate', 2);
      const through = await stateWith(tab, 'five joins are behind it', ({ time }) => time > 8.5);
      assert.ok(through.frames > 100, `${through.frames} pictures`);
      await set(tab, 'playbackRate', 1);
      for (const parity of [0, 1]) {
        const to = mixed.list.segments.find(({ start }, n) => n % 2 === parity && start > 13 + 4 * parity);
        const end = to.start + to.duration;
        // On a busy machine pictures pass unread, and Shaka may jump over the rest of a segment that arrives as it seeks:
        // once, and the bytes are the same when it comes again.
        for (let pass = 0; ; pass++) {
          const before = (await evaluate(tab, 'state')).seen.length;
          await set(tab, 'currentTime', end - 0.9);
          const after = await stateWith(tab, `it goes on behind ${end} s`, ({ time, seeking }) => !seeking && time > end + 0.5);
          const shown = after.seen.slice(before).map(({ frame }) => frame);
          if (new Set(shown.filter(frame => frame >= (end - 1) * RATE).map(frame => segmentOf(frame) % 2)).size === 2) break;
          const found = JSON.stringify({ shown, buffered: after.buffered, events: after.events.slice(-10) });
          assert.ok(pass < 2, `pictures of both encoders were seen around ${end} s: ${found}`);
          context.diagnostic(`pictures of one encoder alone around ${end} s: ${found}`);
        }
      }
      const { width, height, frames, seen, events } = await evaluate(tab, 'state');
      assert.deepEqual([width, height], [640, HEIGHT]);
      assert.ok(frames > through.frames + 20, `${frames} pictures, ${through.frames} before the seeks`);
      const segments = new Set(seen.map(({ frame }) => segmentOf(frame)));
      const missed = mixed.list.segments.map((_, n) => n).filter(n => mixed.list.segments[n].start < 8 && !segments.has(n));
      assert.deepEqual(missed, [], 'pictures of every segment on the way were seen');
      right(seen, `${player} in ${browser}`);
      assert.deepEqual(stalls(events), [], 'it never waited but for seeks');
      await tab.evaluate('video.pause()');
      for (const n of [8, 5, 1, 0]) await edges(tab, n);
      await tab.close();
    });
  }
}

test('what was played is what two encoders made', async () => {
  const now = await rung(server);
  now.made.forEach((bytes, n) => assert.ok(bytes.equals(mixed.made[n]), `segment ${n} is as it was`));
});

test('hls.js in Firefox plays a copy, with sound', { timeout: 60_000 }, async () => {
  const tab = await open.Firefox.open(stage.url);
  await evaluate(tab, 'start', 'hls.js', `${manifest('hls.js', server.files[NAME].id)}?copy=only`, null);
  const { seen, events, width, frames } = await stateWith(tab, 'it plays', ({ time }) => time > 3);
  assert.equal(width, 640);
  assert.ok(frames > 30, `${frames} pictures`);
  right(seen, 'the copy');
  assert.deepEqual(stalls(events), []);
  assert.ok(await tab.evaluate('video.mozHasAudio'), 'it has sound');
  if (process.env.PLAYER_SHOTS) {
    fs.mkdirSync(process.env.PLAYER_SHOTS, { recursive: true });
    await tab.screenshot(path.join(process.env.PLAYER_SHOTS, 'firefox-hls.png'));
  }
  await tab.close();
});
