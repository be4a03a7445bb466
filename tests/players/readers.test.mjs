// Readers that are not browsers: ffprobe, ffmpeg and GStreamer see the whole film, at its length, without a complaint.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { after, before, describe, test } from 'node:test';
import { shownFrom, films, playlist, timescale, variants } from './films.mjs';
import { media, raw, startServer } from './server.mjs';

let server;
before(async () => { server = await startServer({ library: media() }); }, { timeout: 180_000 });
after(() => server?.stop());

/** Runs a program; answers `{code, out, err}` and never throws. */
const execute = (program, args, seconds) => new Promise(done => {
  execFile(program, args, { timeout: seconds * 1000, killSignal: 'SIGKILL', maxBuffer: 64 << 20 }, (error, out, err) =>
    done({ code: error ? (error.killed ? `killed after ${seconds} s` : error.code) : 0, out, err }));
});

const address = { HLS: id => `${server.url}/hls/${id}/index.m3u8`, DASH: id => `${server.url}/dash/${id}/manifest.mpd` };

/** Decodes one picture track and the first sound track to the end; answers the number of pictures. */
async function decode(url, track) {
  const { code, out, err } = await execute('ffmpeg', ['-nostdin', '-v', 'error', '-i', url, '-map', `0:v:${track}`,
    '-map', '0:a:0', '-fps_mode', 'passthrough', '-progress', '-', '-f', 'null', '-'], 90);
  assert.equal(err, '', `ffmpeg ${url} track ${track} complains:\n${err.slice(0, 3000)}`);
  assert.equal(code, 0, `ffmpeg ${url} track ${track}: ${code}`);
  return +out.match(/^frame=\s*(\d+)/gm).at(-1).replace(/\D/g, '');
}

for (const film of films) {
  describe(film.name, () => {
    for (const kind of ['HLS', 'DASH']) {
      test(`${kind}: ffprobe sees the length`, { timeout: 60_000 }, async () => {
        const { id, duration_s: expected } = server.files[film.name];
        const { code, out, err } = await execute('ffprobe', ['-v', 'error', '-show_entries', 'format=duration', '-of', 'csv=p=0',
          address[kind](id)], 50);
        assert.equal(code, 0, `ffprobe: ${code} ${err}`);
        assert.equal(err, '', 'ffprobe complains');
        const allowed = Math.max(1 / film.fps, 0.03) + 0.001;
        assert.ok(Math.abs(parseFloat(out) - expected) <= allowed, `${out.trim()} s, the server says ${expected} s, ${allowed} s are allowed`);
        assert.ok(Math.abs(expected - film.seconds) <= 0.1, `the server says ${expected} s, the film has ${film.seconds} s`);
      });

      if (film.long) continue;

      test(`${kind}: ffmpeg decodes every picture`, { timeout: 200_000 }, async () => {
        const { id } = server.files[film.name];
        const all = await variants(address.HLS(id));
        const tracks = kind === 'HLS' ? [...new Set([0, all.length - 1])] : [0];
        for (const track of tracks) {
          const frames = await decode(address[kind](id), track);
          const expected = Math.round(film.seconds * all[track].fps);
          assert.ok(Math.abs(frames - expected) <= 1, `${all[track].rendition}: ${frames} pictures, not ${expected}`);
        }
      });

      test(`${kind}: gst-play-1.0 plays to the end`, { timeout: 80_000 }, async () => {
        const { id } = server.files[film.name];
        const { code, out, err } = await execute('gst-play-1.0',
          ['--no-interactive', '--audiosink=fakesink', '--videosink=fakesink', address[kind](id)], 60);
        const tail = (out + err).replace(/[^\n]*\r/g, '').slice(-2000);
        assert.equal(code, 0, `gst-play-1.0: ${code}\n${tail}`);
        assert.ok(!/ERROR/.test(out + err), tail);
        assert.match(out, /Reached end of play list/);
      });
    }

    test('every segment starts where the playlist says', { timeout: 120_000 }, async () => {
      const { id } = server.files[film.name];
      for (const variant of await variants(address.HLS(id))) {
        const list = await playlist(variant.url);
        assert.ok(list.ended, `${variant.url} has no EXT-X-ENDLIST`);
        const init = await raw(server.url, new URL(list.init).pathname);
        assert.equal(init.status, 200);
        const ticks = timescale(init.body);
        const last = list.segments.length - 1;
        const wanted = film.long ? [Math.floor(last * 0.9), 0] : list.segments.map((_, n) => n);
        const starts = new Map();
        for (const n of wanted) {
          const answer = await fetch(list.segments[n].url);
          assert.equal(answer.status, 200, `segment ${n} of ${variant.rendition}: ${answer.status}`);
          assert.equal(answer.headers.get('content-type'), 'video/mp4');
          const bytes = Buffer.from(await answer.arrayBuffer());
          assert.match(bytes.toString('latin1', 4, 8), /^(styp|moof|prft|emsg|sidx)$/, `segment ${n} of ${variant.rendition}`);
          starts.set(n, shownFrom(bytes) / ticks);
        }
        // Sound may lead: then the first picture is shown a little after 0, and all the others with it.
        const lead = starts.get(0);
        assert.ok(lead >= 0 && lead < 0.1, `${variant.rendition} starts at ${lead} s`);
        const off = wanted.map(n => [n, list.segments[n].start, starts.get(n) - lead]).filter(([, said, is]) => Math.abs(said - is) > 0.001);
        assert.deepEqual(off, [], `${variant.rendition}: [segment, by EXTINF, by its fragments]`);
      }
    });
  });
}
