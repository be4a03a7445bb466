// Small pictures to seek by: every tile shows the picture of its place, and players find it there.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { media, raw, startServer, temporary } from './server.mjs';
import { browsers, serveStage } from './stage.mjs';

/** Pictures a second of the numbers in them, and seconds of the film; its keyframes are 2 s apart. */
const RATE = 25, LENGTH = 24, TILE = 4;
const KINDS = { MP4: 'counted.mp4', Matroska: 'counted.mkv', 'a transport stream': 'counted.ts' };

let home, server, stage, browser;
before(async () => {
  home = temporary();
  const library = path.join(home, 'library');
  fs.mkdirSync(library);
  const film = path.join(media(), 'counted.mp4');
  for (const name of Object.values(KINDS)) {
    execFileSync('ffmpeg', ['-nostdin', '-v', 'error', '-i', film, '-c', 'copy', '-map', '0', path.join(library, name)]);
  }
  // Longer than a sheet, and upright.
  execFileSync('ffmpeg', ['-nostdin', '-v', 'error', '-f', 'lavfi', '-i', 'testsrc2=size=90x160:rate=5:duration=130', '-c:v', 'libx264',
    '-preset', 'ultrafast', '-g', '5', '-pix_fmt', 'yuv420p', path.join(library, 'long.mp4')]);
  execFileSync('ffmpeg', ['-nostdin', '-v', 'error', '-i', film, '-vn', '-c', 'copy', path.join(library, 'sound.mp4')]);
  server = await startServer({ library });
  stage = await serveStage();
  browser = await browsers.Chromium();
}, { timeout: 120_000 });

after(async () => {
  await browser?.close();
  await stage?.close();
  await server?.stop();
  if (home) fs.rmSync(home, { recursive: true, force: true });
});

const text = async target => {
  const { status, body } = await raw(server.url, target);
  assert.equal(status, 200, `${target}: ${body}`);
  return body.toString();
};
const master = name => `/hls/${server.files[name].id}/index.m3u8`;

/** What the playlists say of the sheets of a film. */
async function sheets(name) {
  const tag = /^#EXT-X-IMAGE-STREAM-INF:(.*)$/m.exec(await text(master(name)))?.[1];
  if (!tag) return null;
  const attribute = key => new RegExp(`(?:^|,)${key}="?([^",]+)`).exec(tag)[1];
  const address = new URL(attribute('URI'), server.url + master(name)).pathname;
  const playlist = await text(address);
  const [, width, height, columns, rows, seconds] = /^#EXT-X-TILES:RESOLUTION=(\d+)x(\d+),LAYOUT=(\d+)x(\d+),DURATION=([\d.]+)$/m.exec(playlist);
  assert.equal(attribute('RESOLUTION'), `${width}x${height}`);
  const list = [...playlist.matchAll(/^#EXTINF:([\d.]+),\n#EXT-X-TILES:.*\n(.*)$/gm)]
    .map(([, length, uri]) => ({ seconds: Number(length), address: new URL(uri, server.url + address).pathname }));
  return { width: +width, height: +height, columns: +columns, rows: +rows, tile: Number(seconds), bandwidth: Number(attribute('BANDWIDTH')), list };
}

/** Colours of a JPEG. */
async function decoded(address, width) {
  const { status, headers, body } = await raw(server.url, address);
  assert.equal(status, 200, `${address}: ${body.subarray(0, 500)}`);
  assert.equal(headers['content-type'], 'image/jpeg');
  const rgb = execFileSync('ffmpeg', ['-nostdin', '-v', 'error', '-f', 'jpeg_pipe', '-i', '-', '-f', 'rawvideo', '-pix_fmt', 'rgb24', '-'], { input: body, maxBuffer: 64 << 20 });
  return { bytes: body.length, height: rgb.length / 3 / width, at: (x, y) => [...rgb.subarray(3 * (y * width + x), 3 * (y * width + x) + 3)] };
}

/** The number in the tile whose corner is there; `make-media.sh` says how it is written. */
function number(at, x, y, width, height) {
  const bit = n => at(x + Math.round((32 + 64 * n) * width / 640), y + Math.round(330 * height / 360))[1] > 128;
  return [...Array(10).keys()].reduce((sum, n) => sum + (bit(n) ? 1 << n : 0), 0);
}

/** Of the keyframe nearest to the middle of the tile. */
const expected = tile => (tile * TILE + TILE / 2) * RATE;

for (const [kind, name] of Object.entries(KINDS)) {
  test(`every tile shows its place: ${kind}`, async () => {
    const { width, height, columns, tile, list } = await sheets(name);
    assert.equal(tile, TILE);
    assert.equal(list.length, 1);
    assert.ok(Math.abs(list[0].seconds - LENGTH) < 0.1);
    const sheet = await decoded(list[0].address, width * columns);
    for (let n = 0; n < LENGTH / TILE; n += 1) {
      const [x, y] = [(n % columns) * width, Math.floor(n / columns) * height];
      assert.equal(number(sheet.at, x, y, width, height), expected(n), `tile ${n}`);
      for (const [place, colour] of [[80, [0xc0, 0x30, 0x20]], [240, [0x20, 0xb0, 0x40]], [400, [0x30, 0x40, 0xc0]]]) {
        const seen = sheet.at(x + Math.round(place * width / 640), y + Math.round(30 * height / 360));
        seen.forEach((value, i) => assert.ok(Math.abs(value - colour[i]) < 16, `colours of tile ${n}: ${seen} for ${colour}`));
      }
    }
    // What is missing is black. Sound may be a little longer than the picture, and have a tile of its own then.
    const behind = LENGTH / TILE + 1;
    const [x, y] = [(behind % columns) * width, Math.floor(behind / columns) * height];
    assert.ok(sheet.at(x + 20, y + 20).every(value => value < 8));
  });
}

test('a long film has a sheet for each minute, and none is longer than its rate says', async () => {
  const { width, height, columns, rows, bandwidth, list } = await sheets('long.mp4');
  assert.deepEqual([width, height], [80, 144], 'upright, and no larger than it is');
  assert.deepEqual(list.map(({ seconds }) => Math.round(seconds)), [60, 60, 10]);
  for (const { address, seconds } of list) {
    const sheet = await decoded(address, width * columns);
    assert.equal(sheet.height, height * rows);
    assert.ok(8 * sheet.bytes / seconds <= bandwidth, `${sheet.bytes} bytes in ${seconds} s are more than ${bandwidth} bit/s`);
  }
  const { status, body } = await raw(server.url, list[0].address.replace('/0.jpg', '/3.jpg'));
  assert.equal(status, 404);
  assert.match(body.toString(), /has 3 segments, there is no segment 3/);
});

test('many who ask at once get the same sheet, and it is kept', async () => {
  const [{ address }] = (await sheets('counted.mkv')).list;
  const all = await Promise.all(Array.from({ length: 20 }, () => raw(server.url, address)));
  assert.ok(all.every(({ status, body }) => status === 200 && body.equals(all[0].body)));
  assert.match(all[0].headers['cache-control'], /immutable/);
  const { etag } = all[0].headers;
  assert.equal((await raw(server.url, address, { headers: { 'If-None-Match': etag } })).status, 304);
});

test('where there is no picture there are no sheets', async () => {
  assert.equal(await sheets('sound.mp4'), null);
  assert.doesNotMatch(await text(`/dash/${server.files['sound.mp4'].id}/manifest.mpd`), /image/);
});

describe('players find the tile of a time', () => {
  const times = [1, 6.5, 23];
  /** Draws what the player names, and reads the number in it. */
  const drawn = `async ({ url, x, y, width, height }) => {
    const image = Object.assign(new Image(), { crossOrigin: 'anonymous', src: url });
    await image.decode();
    context.drawImage(image, x, y, width, height, 0, 0, 640, 360);
    return [...Array(10).keys()].reduce((sum, n) => sum + (context.getImageData(32 + 64 * n, 330, 1, 1).data[1] > 128 ? 1 << n : 0), 0);
  }`;
  const PLAYERS = {
    Shaka: `async (source, time) => {
      if (!window.player) {
        window.player = new shaka.Player();
        await player.attach(video);
        await player.load(source);
      }
      const [track] = player.getImageTracks();
      const { uris: [url], positionX: x, positionY: y, width, height } = await player.getThumbnails(track.id, time);
      return { url, x, y, width, height };
    }`,
    'dash.js': `async (source, time) => {
      if (!window.player) {
        window.player = dashjs.MediaPlayer().create();
        await new Promise(done => {
          window.player.on('streamInitialized', done);
          window.player.initialize(video, source, false);
        });
      }
      return new Promise(done => window.player.provideThumbnail(time, done));
    }`,
  };
  const scripts = { Shaka: 'shaka-player/dist/shaka-player.compiled.js', 'dash.js': 'dashjs/dist/modern/umd/dash.all.min.js' };
  for (const [player, protocol] of [['Shaka', 'hls'], ['Shaka', 'dash'], ['dash.js', 'dash']]) {
    test(`${player}, ${protocol}`, { timeout: 60_000 }, async () => {
      const { id } = server.files['counted.mp4'];
      const source = `${server.url}/${protocol}/${id}/${protocol === 'hls' ? 'index.m3u8' : 'manifest.mpd'}`;
      const tab = await browser.open(stage.url);
      await tab.evaluate(`script('/modules/${scripts[player]}')`);
      for (const time of times) {
        const seen = await tab.evaluate(`(async () => (${drawn})(await (${PLAYERS[player]})(${JSON.stringify(source)}, ${time})))()`);
        assert.equal(seen, expected(Math.floor(time / TILE)), `${time} s`);
      }
      await tab.close();
    });
  }
});
