// Subtitles that are pictures, drawn into the video on demand: in every frame that they belong to and in no other, wherever
// the encoder began, and where players show them.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { json, raw, startServer, temporary, until } from './server.mjs';
import { browsers, serveStage } from './stage.mjs';

const RATE = 24, LENGTH = 60;
const PGS = 1, VOBSUB = 2;
/** Columns and rows that frames are looked at in; a cell is 60 × 60 pixels of the canvas. */
const COLUMNS = 32, ROWS = 18;
const GREEN = [64, 96, 64], YELLOW = [235, 220, 20], RED = [200, 30, 30];

/** Seconds of each subtitle, and where it lies on a canvas of 1920 × 1080. */
const LONG = { from: 4, to: 40, x: 480, y: 780, width: 960, height: 180, colour: YELLOW };
const SHORT = { from: 45, to: 47, x: 120, y: 60, width: 600, height: 120, colour: RED };
const IN_THE_BAR = { from: 2, to: 8, x: 480, y: 960, width: 960, height: 90, colour: YELLOW };

const u16 = value => [value >> 8 & 255, value & 255];
const u24 = value => [value >> 16 & 255, ...u16(value)];
const u32 = value => [...u16(value >>> 16), ...u16(value)];

/** Y, Cr and Cb in the colours of high definition. */
function colour([r, g, b]) {
  const y = 0.2126 * r + 0.7152 * g + 0.0722 * b;
  return [16 + y * 219 / 255, 128 + (r - y) / 1.5748 * 224 / 255, 128 + (b - y) / 1.8556 * 224 / 255].map(Math.round);
}

/** A `.sup` file that shows rectangles. */
function sup(subtitles) {
  const out = [];
  for (const { from, to, x, y, width, height, colour: rgb } of subtitles) {
    const segment = (seconds, kind, body) => out.push(...[0x50, 0x47], ...u32(seconds * 90_000), ...u32(0), kind, ...u16(body.length), ...body);
    const composition = (state, objects) => [...u16(1920), ...u16(1080), 0x10, ...u16(0), state, 0, 0, objects.length, ...objects.flat()];
    const window = [1, 0, ...u16(x), ...u16(y), ...u16(width), ...u16(height)];
    const line = [0, 0xc0 | width >> 8, width & 255, 1, 0, 0];
    const runs = Array(height).fill(line).flat();
    segment(from, 0x16, composition(0x80, [[...u16(0), 0, 0, ...u16(x), ...u16(y)]]));
    segment(from, 0x17, window);
    segment(from, 0x14, [0, 0, 1, ...colour(rgb), 255]);
    segment(from, 0x15, [...u16(0), 0, 0xc0, ...u24(runs.length + 4), ...u16(width), ...u16(height), ...runs]);
    segment(from, 0x80, []);
    segment(to, 0x16, composition(0, []));
    segment(to, 0x17, window);
    segment(to, 0x80, []);
  }
  return Buffer.from(out);
}

let home, library, server, stage;
before(async () => {
  home = temporary();
  library = path.join(home, 'library');
  fs.mkdirSync(library);
  const [text, pictures, bar] = ['text.srt', 'pictures.sup', 'bar.sup'].map(name => path.join(home, name));
  fs.writeFileSync(text, '1\n00:00:01,000 --> 00:00:03,000\nOne\n');
  fs.writeFileSync(pictures, sup([LONG, SHORT]));
  fs.writeFileSync(bar, sup([IN_THE_BAR]));
  const film = (name, size, length, inputs, more) => execFileSync('ffmpeg', ['-nostdin', '-v', 'error', '-y', '-copyts',
    '-f', 'lavfi', '-i', `color=0x406040:size=${size}:rate=${RATE}:duration=${length}`, '-f', 'lavfi', '-i', `sine=frequency=440:sample_rate=48000:duration=${length}`,
    ...inputs.flatMap(input => ['-fix_sub_duration', '-i', input]), '-map', '0', '-map', '1', '-vf', 'scale=out_color_matrix=bt709:out_range=tv,format=yuv420p',
    '-c:v', 'libx264', '-preset', 'ultrafast', '-g', '48', '-colorspace', 'bt709', '-color_primaries', 'bt709', '-color_trc', 'bt709', '-c:a', 'aac', ...more, path.join(library, name)]);
  film('film.mkv', '1280x720', LENGTH, [text, pictures, pictures], ['-map', '2', '-map', '3', '-map', '4', '-c:s:0', 'srt', '-c:s:1', 'copy', '-c:s:2', 'dvdsub',
    '-metadata:s:s:1', 'language=deu', '-metadata:s:s:2', 'language=fra']);
  film('scope.mkv', '1280x534', 10, [bar], ['-map', '2', '-c:s', 'copy']);
  film('plain.mkv', '640x360', 4, [], []);
  server = await startServer({ library });
  stage = await serveStage();
}, { timeout: 180_000 });

after(async () => {
  await stage?.close();
  await server?.stop();
  if (home) fs.rmSync(home, { recursive: true, force: true });
});

async function get(target, from = server) {
  const { status, body } = await raw(from.url, target, { timeout: 120_000 });
  assert.equal(status, 200, `${target}: ${status} ${body.subarray(0, 300)}`);
  return body;
}

/** Media playlists of the pictures that are listed, by height. */
async function rungs(name, query, from = server) {
  const base = `/hls/${from.files[name].id}/index.m3u8`;
  const lines = (await get(base + query, from)).toString().split('\n');
  return new Map(lines.flatMap((line, n) => {
    const height = /^#EXT-X-STREAM-INF:.*RESOLUTION=\d+x(\d+)/.exec(line)?.[1];
    return height ? [[Number(height), new URL(lines[n + 1], `http://host${base}`).pathname]] : [];
  }));
}

/** The segments of a playlist with their times. */
async function segments(playlist, from = server) {
  const found = [];
  let at = 0;
  for (const [, length, address] of (await get(playlist, from)).toString().matchAll(/#EXTINF:([\d.]+),.*\n(?:#.*\n)*(.*)/g)) {
    found.push({ from: at, to: at + Number(length), address: new URL(address, `http://host${playlist}`).pathname });
    at += Number(length);
  }
  return found;
}

/** The frames of a segment: rows of cells of colours, and the time of each. */
async function frames(playlist, segment, from = server) {
  const init = await get(playlist.replace('index.m3u8', 'init.mp4'), from);
  const bytes = execFileSync('ffmpeg', ['-nostdin', '-v', 'error', '-i', 'pipe:0', '-an', '-vf', `scale=${COLUMNS}:${ROWS}:flags=area,format=rgb24`, '-f', 'rawvideo', '-fps_mode', 'passthrough', 'pipe:1'],
    { input: Buffer.concat([init, await get(segment.address, from)]), maxBuffer: 1 << 28 });
  const size = COLUMNS * ROWS * 3;
  assert.equal(bytes.length, Math.round((segment.to - segment.from) * RATE) * size, 'every frame is there');
  return [...Array(bytes.length / size).keys()].map(n => {
    const cell = (column, row) => [...bytes.subarray(n * size + (row * COLUMNS + column) * 3).subarray(0, 3)];
    return { time: segment.from + n / RATE, cell };
  });
}

const near = (found, expected, least = 24) => found.every((value, n) => Math.abs(value - expected[n]) <= least);
const assertNear = (found, expected, what) => assert.ok(near(found, expected), `${what}: ${found} and not ${expected}`);

/** In this frame each subtitle is there when it should be, in all of its cells and in none beside it. */
function assertRight({ time, cell }, subtitles) {
  for (const { from, to, x, y, width, height, colour: own } of subtitles) {
    const shown = time >= from - 1e-3 && time < to - 1e-3;
    const [left, top, right, bottom] = [x, y, x + width, y + height].map(pixels => pixels / 60);
    for (let row = top - 1; row <= bottom; row += 1) {
      for (let column = left - 1; column <= right; column += 1) {
        const inside = row >= top && row < bottom && column >= left && column < right;
        assertNear(cell(column, row), inside && shown ? own : GREEN, `${own} at ${time} s, column ${column}, row ${row}`);
      }
    }
  }
}

test('the facts of a file name the tracks that can be drawn', async () => {
  const facts = await json(server.url, `/api/files/${server.files['film.mkv'].id}`);
  assert.deepEqual(facts.text.map(track => [track.codec, track.language, track.bitmap]), [['subrip', null, false], ['pgs', 'de', true], ['vobsub', 'fr', true]]);
  assert.deepEqual(facts.burn, [PGS, VOBSUB]);
  assert.ok(facts.renditions.every(({ id }) => !/t\d/.test(id.split('-')[0])), 'they are listed where somebody asks for them');
});

test('HLS, DASH and transport streams list the rungs with the track in them, and no others', async () => {
  const { id } = server.files['film.mkv'];
  for (const [target, names] of [[`/hls/${id}/index.m3u8`, /\/media\/[^/]+\/(v[^/]+)-/g], [`/dash/${id}/manifest.mpd`, /<Representation id="(v[^"]+)-/g], [`/ts/${id}/index.m3u8`, /^(?:.*\/)?(v[^/]+?)-/gm]]) {
    const listed = async query => [...(await get(target + query)).toString().matchAll(names)].map(found => found[1]);
    const plain = (await listed('?copy=none'));
    assert.ok(plain.length >= 2 && plain.includes('v720'), `${target}: ${plain}`);
    for (const track of [PGS, VOBSUB]) assert.deepEqual(await listed(`?burn=${track}`), plain.map(name => `${name}t${track}`), target);
    assert.ok((await listed('')).every(name => !/t\d/.test(name)), target);
  }
});

test('what cannot be drawn is told with what can', async () => {
  const { id } = server.files['film.mkv'];
  for (const [query, expected] of [['burn=0', /1 \(pgs, de\), 2 \(vobsub, fr\)/], ['burn=7', /1 \(pgs, de\)/], ['burn=yes', /burn/], ['burn=1&copy=only', /copy=only/]]) {
    for (const target of [`/hls/${id}/index.m3u8`, `/dash/${id}/manifest.mpd`]) {
      const { status, body } = await raw(server.url, `${target}?${query}`);
      assert.equal(status, 400, query);
      assert.match(JSON.parse(body).detail, expected);
    }
  }
  assert.match(JSON.parse((await raw(server.url, `/hls/${server.files['plain.mkv'].id}/index.m3u8?burn=0`)).body).detail, /no text track/);
  assert.equal((await raw(server.url, `/live/${id}/index.m3u8?burn=1`)).status, 400);
});

// FFmpeg's encoder of VobSub takes the nearest of sixteen colours.
for (const [kind, track, yellow, red] of [['PGS', PGS, YELLOW, RED], ['VobSub', VOBSUB, [255, 255, 0], [255, 0, 0]]]) {
  describe(kind, () => {
    test('is there from its first frame to its last, in a head that begins in the middle too', { timeout: 240_000 }, async () => {
      const playlist = (await rungs('film.mkv', `?burn=${track}`)).get(720);
      const all = await segments(playlist);
      // Nothing has been made: the first head begins 20 s and more behind the subtitle's beginning.
      const middle = all.find(({ from, to }) => from > 24 && to < 39);
      const order = [middle, ...[LONG.to, LONG.from, SHORT.from + 1].map(time => all.find(({ from, to }) => from <= time && to > time))];
      for (const segment of order) (await frames(playlist, segment)).forEach(frame => assertRight(frame, [{ ...LONG, colour: yellow }, { ...SHORT, colour: red }]));
    });
  });
}

test('a head that began before shows the same', { timeout: 240_000 }, async () => {
  const playlist = (await rungs('film.mkv', `?burn=${PGS}`)).get(720);
  const segment = (await segments(playlist)).find(({ from, to }) => from > 24 && to < 39);
  const late = await frames(playlist, segment);
  const other = await startServer({ library });
  try {
    const same = (await rungs('film.mkv', `?burn=${PGS}`, other)).get(720);
    // In order, and so by one head.
    for (const { address } of (await segments(same, other)).filter(({ to }) => to <= segment.to)) await get(address, other);
    const early = await frames(same, (await segments(same, other)).find(({ from }) => from === segment.from), other);
    early.forEach((frame, n) => {
      for (let row = 0; row < ROWS; row += 1) {
        for (let column = 0; column < COLUMNS; column += 1) {
          assert.ok(near(frame.cell(column, row), late[n].cell(column, row), 6), `frame ${n}, column ${column}, row ${row}`);
        }
      }
    });
  } finally { await other.stop(); }
});

test('the plain rungs have none of it', { timeout: 120_000 }, async () => {
  const playlist = (await rungs('film.mkv', '?copy=none')).get(720);
  const segment = (await segments(playlist)).find(({ from, to }) => from > 24 && to < 39);
  for (const { cell } of await frames(playlist, segment)) assertNear(cell(16, 14), GREEN, 'the picture');
});

test('smaller rungs have it in the same place', { timeout: 240_000 }, async () => {
  const list = await rungs('film.mkv', `?burn=${PGS}`);
  const playlist = list.get(Math.min(...list.keys()));
  const segment = (await segments(playlist)).find(({ from, to }) => from > 8 && to < 39);
  (await frames(playlist, segment)).forEach(frame => assertRight(frame, [LONG]));
});

test('what lay in a bar that was cut off lies at the foot of the picture', { timeout: 120_000 }, async () => {
  const [playlist] = (await rungs('scope.mkv', '?burn=0')).values();
  const segment = (await segments(playlist)).find(({ to }) => to > 4);
  // The canvas is 720 lines at this size, 60 of them are the subtitle's, and the frame has 534.
  for (const { time, cell } of await frames(playlist, segment)) {
    if (time < IN_THE_BAR.from || time >= IN_THE_BAR.to) continue;
    assertNear(cell(16, ROWS - 1), YELLOW, `at ${time} s`);
    assertNear(cell(16, ROWS - 4), GREEN, `at ${time} s, above it`);
  }
});

describe('in Chromium', () => {
  let browser;
  before(async () => { browser = await browsers.Chromium(); }, { timeout: 60_000 });
  after(() => browser?.close());

  for (const [player, manifest] of [['hls.js', 'hls'], ['Shaka', 'dash']]) {
    test(`${player} shows it`, { timeout: 120_000 }, async () => {
      const { id } = server.files['film.mkv'];
      const tab = await browser.open(stage.url);
      const file = { hls: 'index.m3u8', dash: 'manifest.mpd' }[manifest];
      await tab.evaluate(`start(${JSON.stringify(player)}, ${JSON.stringify(`${server.url}/${manifest}/${id}/${file}?burn=${PGS}`)})`);
      let now;
      const shown = (what, look) => until(() => `${what}; ${JSON.stringify(now)}`, 40_000, async () => {
        now = await tab.evaluate('(context.drawImage(video, 0, 0, 640, 360), { ...still(), below: middle(320, 290), above: middle(140, 40), errors })');
        assert.deepEqual(now.errors, [], 'the player complains');
        return now.ready && look(now);
      });
      await shown('it plays', ({ time }) => time > 0.2);
      await tab.evaluate('video.pause()');
      for (const [time, below, above] of [[30, YELLOW, GREEN], [42, GREEN, GREEN], [46, GREEN, RED], [2, GREEN, GREEN], [4.5, YELLOW, GREEN]]) {
        await tab.evaluate(`video.currentTime = ${time}`);
        await shown(`at ${time} s`, now => Math.abs(now.time - time) < 0.1 && near(now.below, below, 30) && near(now.above, above, 30));
      }
      await tab.close();
    });
  }
});
