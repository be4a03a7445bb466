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
  // As many texts; the last one is empty.
  const words = path.join(home, 'words.srt');
  fs.writeFileSync(words, '1\n00:00:01,000 --> 00:00:02,000\nSecond 1\n');
  const nobody = path.join(home, 'nobody.srt');
  fs.writeFileSync(nobody, '');
  for (const [container, codec] of [['mkv', 'srt'], ['mp4', 'mov_text']]) {
    ffmpeg('-i', film, '-i', words, '-map', '0', ...Array(40).fill(['-map', '1:0']).flat(), '-c', 'copy', '-c:s', codec, '-bsf:s:39', 'noise=drop=1',
      '-metadata:s:s:7', 'language=qqq', to(`forty_texts.${container}`));
  }
  ffmpeg('-i', film, '-map', '0', '-c', 'copy', '-bsf:v', 'noise=drop=1', to('no_picture.mkv'));
  // What is a language to a person and not to a program.
  ffmpeg('-i', film, ...Array(4).fill(['-map', '0:a']).flat(), '-map', '0:v', '-c', 'copy', '-metadata:s:a:0', 'language=qqq', '-metadata:s:a:1', 'language=klingonisch',
    '-metadata:s:a:2', 'language=English (US)', '-metadata:s:a:3', 'language=x-klingon', to('languages.mkv'));
  ffmpeg('-i', film, '-map', '0', '-c', 'copy', '-metadata:s:a:0', 'language=qzz', to('languages.mp4'));
  // Times before zero: in Matroska as they are, in MP4 by an edit list.
  ffmpeg('-i', counted, '-c', 'copy', '-output_ts_offset', '-1.5', '-avoid_negative_ts', 'disabled', to('negative.mkv'));
  ffmpeg('-itsoffset', '-1', '-i', counted, '-i', counted, '-map', '0:v', '-map', '1:a', '-c', 'copy', '-avoid_negative_ts', 'disabled', to('negative.mp4'));
  // 2^33 ticks are 95443.7 s: the clock of a transport stream begins again after 13.7 s of the film.
  ffmpeg('-i', counted, '-c', 'copy', '-output_ts_offset', '95430', '-muxdelay', '0', to('wrap.ts'));
  ffmpeg('-i', counted, '-c', 'copy', '-output_ts_offset', '950', '-muxdelay', '0', to('straight.ts'));
  // The second half was recorded when the clock said less.
  const halves = [['-t', '12'], ['-ss', '12']].map((part, n) => {
    const half = path.join(home, `${n}.ts`);
    ffmpeg('-i', counted, ...part, '-c', 'copy', '-output_ts_offset', n ? '20' : '100', '-muxdelay', '0', half);
    return fs.readFileSync(half);
  });
  fs.writeFileSync(to('back.ts'), Buffer.concat(halves));
  // The same again, with a packet of nothing behind it: other files, of which no segment has been made.
  const nothing = Buffer.alloc(188, 0xff);
  nothing.set([0x47, 0x1f, 0xff, 0x10]);
  for (const name of ['wrap', 'back']) fs.writeFileSync(to(`${name}_again.ts`), Buffer.concat([fs.readFileSync(to(`${name}.ts`)), nothing]));
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

/** Names and languages of all tracks of a kind. */
const tracks = async (name, type) => [...(await text(index(name))).matchAll(new RegExp(`TYPE=${type}.*NAME="([^"]+)"(?:,LANGUAGE="([^"]+)")?`, 'g'))]
  .map(([, name, language]) => ({ name, language }));

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

test('a language that nobody knows is named as it is, and what is no tag is none', { timeout: 30_000 }, async () => {
  const told = (await tracks('languages.mkv', 'AUDIO')).map(({ language }) => language);
  assert.deepEqual(told, ['qqq', undefined, undefined, 'x-klingon']);
  assert.deepEqual(await tracks('languages.mp4', 'AUDIO'), [{ name: 'qzz', language: 'qzz' }]);
  const mpd = await text(`${server.url}/dash/${server.files['languages.mkv'].id}/manifest.mpd`);
  assert.deepEqual([...mpd.matchAll(/lang="([^"]+)"/g)].map(([, language]) => language), ['qqq', 'x-klingon']);
});

for (const container of ['mkv', 'mp4']) {
  test(`forty texts in ${container} have a name each, and an empty one has no line and no error`, { timeout: 60_000 }, async () => {
    const name = `forty_texts.${container}`;
    const texts = await tracks(name, 'SUBTITLES');
    // Of MP4, the demuxer does not name what is empty.
    const named = container === 'mp4' ? 39 : 40;
    assert.equal(new Set(texts.map(({ name }) => name)).size, named);
    assert.equal(texts[7].language, 'qqq');
    const mpd = await text(`${server.url}/dash/${server.files[name].id}/manifest.mpd`);
    assert.equal(mpd.match(/contentType="text"/g).length, named);
    const lists = [...(await text(index(name))).matchAll(/TYPE=SUBTITLES.*URI="([^"]+)"/g)].map(([, uri]) => new URL(uri, index(name)).href);
    for (const [n, url] of lists.entries()) {
      const whole = await text(url.replace('index.m3u8', 'all.vtt'));
      assert.equal(whole.includes('Second 1'), n < 39, whole);
      await all(url, segment => segment === 0);
    }
  });
}

test('a picture without a packet is left out, and the sound plays', { timeout: 30_000 }, async () => {
  const lists = await variants(index('no_picture.mkv'));
  assert.deepEqual(lists.map(({ rendition }) => rendition[0]), ['a']);
  await all(lists[0].url);
  const { end } = packets(lists[0].url, 'a');
  assert.ok(Math.abs(end - 10) < 0.1, `${end} s`);
});

describe('times that no film should have', () => {
  // What lies before zero is not shown; GStreamer's Matroska knows no times before it.
  for (const [name, seconds] of [['negative.mkv', 22.5], ['negative.mp4', 24], ['wrap.ts', 24], ['back.ts', 24]]) {
    test(`${name}: everything that is named can be had, to its end`, { timeout: 60_000 }, async () => {
      const { duration_s } = await json(server.url, `/api/files/${server.files[name].id}`);
      assert.ok(Math.abs(duration_s - seconds) < 0.1, `${duration_s} s`);
      for (const { url } of await variants(index(name))) await all(url);
      for (const url of await sounds(name)) {
        await all(url);
        const { first, end } = packets(url, 'a');
        assert.ok(first < 0.1 && Math.abs(end - seconds) < 0.6, JSON.stringify({ first, end }));
      }
      const [{ url }] = await variants(index(name, '?copy=none'));
      const picture = packets(url, 'v');
      assert.ok(Math.abs(picture.end - seconds) < 1.1, JSON.stringify(picture));
      // GStreamer 1.22 gives all that lies before zero in Matroska the time zero, from which nobody can tell a rate.
      if (name !== 'negative.mkv') assert.ok(Math.abs(picture.count - (picture.end - picture.first) * 25) <= 2, JSON.stringify(picture));
    });
  }
});

for (const [name, whole] of [['wrap_again.ts', 'straight.ts'], ['back_again.ts', 'back.ts']]) {
  test(`${name}: who begins behind the place where the clock jumps gets what is there`, { timeout: 60_000 }, async () => {
    const [one, other] = await Promise.all([name, whole].map(async name => {
      const { duration_s } = await json(server.url, `/api/files/${server.files[name].id}`);
      const [{ url }] = await variants(index(name, '?copy=only'));
      const lists = await Promise.all([url, ...await sounds(name)].map(async url => (await playlist(url)).segments));
      return { duration_s, lists };
    }));
    assert.equal(one.duration_s, other.duration_s);
    for (const [track, list] of one.lists.entries()) {
      const others = other.lists[track];
      assert.deepEqual(list.map(({ duration }) => duration), others.map(({ duration }) => duration));
      // Of the one forwards, of the other backwards, so that hardly a segment is made behind another.
      for (const { url } of others) await raw(server.url, new URL(url).pathname);
      for (const [n, { url }] of [...list.entries()].reverse()) {
        const [segment, same] = await Promise.all([url, others[n].url].map(url => raw(server.url, new URL(url).pathname)));
        assert.equal(segment.status, 200, `${url}: ${segment.body}`);
        assert.ok(segment.body.equals(same.body), `${url} is not ${others[n].url}`);
      }
    }
  });
}

describe('at the live edge', { concurrency: true }, () => {
  /** Reloads a playlist as players do, segment by segment, until it has so many more, or ends. */
  const follow = async (target, more) => {
    let list, query = '', wanted;
    do {
      list = await text(`${server.url}${target}${query}`);
      const first = /MEDIA-SEQUENCE:(\d+)/.exec(list);
      assert.ok(first, list);
      const next = +first[1] + (list.match(/\.m4s$/gm)?.length ?? 0);
      wanted ??= next + more;
      if (next >= wanted) break;
      query = `?_HLS_msn=${next}`;
    } while (!list.includes('#EXT-X-ENDLIST'));
    return list;
  };
  for (const [name, at_s] of [['gap.mkv', 4], ['gap.ts', 4], ['back.ts', 8], ['wrap.ts', 10]]) {
    test(`${name} goes on where its time stamps jump`, { timeout: 60_000 }, async () => {
      const { id } = server.files[name];
      const body = JSON.stringify({ mode: 'live', at_s, wait: true });
      const { status } = await raw(server.url, `/api/stream/${id}/start`, { method: 'POST', headers: { 'Content-Type': 'application/json' }, body });
      assert.equal(status, 200);
      const lists = [...(await text(`${server.url}/live/${id}/index.m3u8`)).matchAll(/URI="([^"]+\.m3u8)"|^([^#\n].*\.m3u8)$/gm)]
        .map(([, uri, line]) => new URL(uri ?? line, `${server.url}/live/${id}/`).pathname);
      // The jump is 2 to 6 s away, and a segment is 1.9 s long.
      await Promise.all(lists.map(async target => {
        const list = await follow(target, 4);
        for (const [segment] of list.matchAll(/^[^#\n]+\.m4s$/gm)) {
          const { status, body } = await raw(server.url, new URL(segment, `${server.url}${target}`).pathname);
          assert.equal(status, 200, `${segment}: ${body}`);
        }
      }));
      await raw(server.url, `/api/stream/${id}/stop`, { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: '{}' });
    });
  }
});
