// Sources as people have them and nobody should: every segment that a playlist names can be had, and all of it is there.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { playlist, variants } from './films.mjs';
import { json, media, raw, startServer, temporary } from './server.mjs';

const ffmpeg = (...args) => execFileSync('ffmpeg', ['-nostdin', '-v', 'error', '-y', ...args], { stdio: ['ignore', 'pipe', 'inherit'], maxBuffer: 64 << 20 });

let home, library, server;
before(async () => {
  home = temporary();
  library = path.join(home, 'library');
  fs.mkdirSync(library);
  const to = name => path.join(library, name);
  const [film, counted] = ['h264_aac.mp4', 'counted.mp4'].map(name => path.join(media(), name));
  // Begins in the middle of a group of pictures, three seconds in.
  ffmpeg('-ss', '3', '-i', counted, '-c', 'copy', to('trimmed.mp4'));
  const list = path.join(home, 'gap.ffconcat');
  fs.writeFileSync(list, `ffconcat version 1.0\nfile '${film}'\nduration 610\nfile '${film}'\n`);
  for (const container of ['mp4', 'mkv', 'ts']) ffmpeg('-safe', '0', '-f', 'concat', '-i', list, '-c', 'copy', to(`gap.${container}`));
  ffmpeg('-i', film, '-f', 'lavfi', '-i', 'anullsrc', '-map', '0:v', '-map', '0:a', '-map', '1:a', '-c', 'copy', '-c:a:1', 'aac',
    '-t', '10', '-bsf:a:1', 'noise=drop=1', to('silent_track.mkv'));
  ffmpeg('-i', film, '-map', '0:v', ...Array(40).fill(['-map', '0:a']).flat(), '-c', 'copy', '-metadata:s:a:7', 'language=qqq', to('forty.mkv'));
  server = await startServer({ library });
}, { timeout: 180_000 });

after(async () => {
  await server?.stop();
  if (home) fs.rmSync(home, { recursive: true, force: true });
});

const index = (name, query = '') => `${server.url}/hls/${server.files[name].id}/index.m3u8${query}`;
const text = async url => (await raw(server.url, url.slice(server.url.length))).body.toString();
/** Playlists of all tracks of sound. */
const sounds = async name => [...new Set([...(await text(index(name))).matchAll(/TYPE=AUDIO.*URI="([^"]+)"/g)].map(([, uri]) => new URL(uri, index(name)).href))];

/** Every segment of a playlist, or those whose numbers are `wanted`. */
async function all(url, wanted = () => true) {
  const { segments } = await playlist(url);
  for (const [n, segment] of segments.entries()) {
    if (!wanted(n, segments.length)) continue;
    const { status, body } = await raw(server.url, new URL(segment.url).pathname);
    assert.equal(status, 200, `${segment.url}: ${body}`);
  }
  return segments;
}

/** Numbers of packets, and where the last one ends. */
function packets(url, stream) {
  const lines = execFileSync('ffprobe', ['-v', 'error', '-select_streams', stream, '-show_entries', 'packet=pts_time,duration_time', '-of', 'csv=p=0', url], { encoding: 'utf8' });
  const times = lines.split('\n').filter(Boolean).map(line => line.split(',').map(field => Number(field) || 0));
  return { count: times.length, first: Math.min(...times.map(([at]) => at)), end: Math.max(...times.map(([at, length]) => at + length)) };
}

test('an edit list that leaves out the beginning takes nothing from the end', { timeout: 60_000 }, async () => {
  const [{ url }] = await variants(index('trimmed.mp4', '?copy=none'));
  await all(url);
  const picture = packets(url, 'v');
  assert.ok(Math.abs(picture.count - 21 * 25) <= 1 && Math.abs(picture.end - 21) < 0.05, JSON.stringify(picture));
  const [sound] = await sounds('trimmed.mp4');
  const { first, end } = packets(sound, 'a');
  assert.ok(first < 0.05 && Math.abs(end - 21) < 0.05, JSON.stringify({ first, end }));
  // The squares below tell the first picture's number: 3 s of 25.
  const pixels = ffmpeg('-i', url, '-map', '0:v', '-frames:v', '1', '-f', 'rawvideo', '-pix_fmt', 'gray', '-');
  const bits = [...Array(10).keys()].map(bit => pixels[330 * 640 + 32 + 64 * bit] > 128);
  assert.equal(bits.reduce((sum, set, bit) => sum + (set ? 1 << bit : 0), 0), 75);
});

describe('a hole of ten minutes', () => {
  for (const container of ['mp4', 'mkv']) {
    test(`in ${container} is as long as it is`, { timeout: 90_000 }, async () => {
      const name = `gap.${container}`;
      const { duration_s } = await json(server.url, `/api/files/${server.files[name].id}`);
      assert.ok(Math.abs(duration_s - 620) < 0.5, `${duration_s} s`);
      const around = (n, count) => n < 8 || Math.abs(n - count / 2) < 2 || n > count - 8;
      for (const { url } of await variants(index(name))) await all(url, around);
      for (const url of await sounds(name)) await all(url, around);
    });
  }

  test('in a transport stream is closed, and the file says so', { timeout: 90_000 }, async () => {
    const film = await json(server.url, `/api/files/${server.files['gap.ts'].id}`);
    assert.ok(Math.abs(film.duration_s - 20) < 1, `${film.duration_s} s`);
    for (const { url } of await variants(index('gap.ts'))) {
      await all(url);
      const { count } = packets(url, 'v');
      assert.ok(Math.abs(count - 500) <= 12, `${count} pictures`);
    }
    for (const url of await sounds('gap.ts')) await all(url);
  });
});

test('a track without a packet is silent, and the others play', { timeout: 60_000 }, async () => {
  for (const { url } of await variants(index('silent_track.mkv'))) await all(url);
  const [sound, silent] = await sounds('silent_track.mkv');
  await all(sound);
  await all(silent);
  const volume = execFileSync('sh', ['-c', 'ffmpeg -nostdin -i "$0" -af volumedetect -f null - 2>&1', silent], { encoding: 'utf8' });
  assert.ok(+/max_volume: (-?[\d.]+) dB/.exec(volume)[1] < -80, volume);
});

test('forty tracks are forty names, and each can be had', { timeout: 90_000 }, async () => {
  const names = [...(await text(index('forty.mkv'))).matchAll(/TYPE=AUDIO.*NAME="([^"]+)"/g)].map(([, name]) => name);
  assert.equal(new Set(names).size, 40);
  assert.match(await text(index('forty.mkv')), /NAME="qqq",LANGUAGE="qqq"/);
  const mpd = await text(`${server.url}/dash/${server.files['forty.mkv'].id}/manifest.mpd`);
  assert.equal(mpd.match(/contentType="audio"/g).length, 40);
  const all_sounds = await sounds('forty.mkv');
  assert.equal(all_sounds.length, 40);
  for (const url of all_sounds) await all(url, n => n === 2);
});
