// Real clips from public test suites, where a folder of them is at hand: facts against ffprobe, and the first
// pictures of every rendition through ffmpeg. The folder is ../shared/media beside the checkout, or $CLIPS.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { startServer } from './server.mjs';

const run = promisify(execFile);
const here = path.dirname(fileURLToPath(import.meta.url));
const folder = process.env.CLIPS ?? path.resolve(here, '../../../shared/media');
const clips = existsSync(folder) ? readdirSync(folder).filter(name => /\.(mp4|mkv|mov|webm|ts)$/.test(name)) : [];

const CODECS = { mpeg2video: 'mpeg2', hevc: 'h265' };
const codec = name => CODECS[name] ?? name;

async function ffprobe(file) {
  const { stdout } = await run('ffprobe', ['-v', 'error', '-show_streams', '-show_format', '-of', 'json', file]);
  return JSON.parse(stdout);
}

describe('clips', { skip: clips.length === 0 && `no clips in ${folder}` }, () => {
  let server;
  before(async () => { server = await startServer({ library: folder }); }, { timeout: 60_000 });
  after(() => server?.stop());

  for (const name of clips) {
    test(`${name}: the facts are ffprobe's`, { timeout: 60_000 }, async () => {
      const answer = await (await fetch(`${server.url}/api/files/${server.files[name].id}`)).json();
      const truth = await ffprobe(path.join(folder, name));
      const pictures = truth.streams.filter(stream => stream.codec_type === 'video');
      const sounds = truth.streams.filter(stream => stream.codec_type === 'audio');
      assert.equal(answer.state, 'ready', answer.reason);
      const own = pictures.find(stream => stream.width === answer.video.width && stream.height === answer.video.height);
      assert.ok(own, `no picture of ${answer.video.width}x${answer.video.height} in ${JSON.stringify(pictures.map(s => [s.width, s.height]))}`);
      assert.equal(answer.video.codec, codec(own.codec_name));
      assert.equal(answer.video.pixel_format, own.pix_fmt);
      const [num, den] = own.avg_frame_rate.split('/').map(Number);
      const rate = typeof answer.video.frame_rate === 'number' ? answer.video.frame_rate : frameRate(answer.video.frame_rate);
      assert.ok(Math.abs(rate - num / den) < 0.02 * (num / den), `${rate} frames/s, ffprobe says ${num / den}`);
      assert.deepEqual(
        answer.audio.map(track => [track.codec, track.channels, track.sample_rate]),
        sounds.map(stream => [codec(stream.codec_name), stream.channels, Number(stream.sample_rate)]),
      );
      // Subtitles may run on behind the film; they are not counted.
      const ends = [...pictures, ...sounds].map(stream => Number(stream.duration ?? truth.format.duration));
      const length = Math.max(...ends);
      assert.ok(Math.abs(answer.duration_s - length) < 0.2, `${answer.duration_s} s, ffprobe says ${length}`);
    });

    test(`${name}: every rendition plays`, { timeout: 120_000 }, async () => {
      const { id } = server.files[name];
      for (const url of [`${server.url}/hls/${id}/index.m3u8?copy=only`, `${server.url}/dash/${id}/manifest.mpd?copy=none`]) {
        const { stdout } = await run('ffmpeg', ['-v', 'fatal', '-nostdin', '-i', url, '-map', '0:v:0', '-map', '0:a?',
          '-frames:v', '30', '-fps_mode', 'passthrough', '-progress', '-', '-f', 'null', '-']);
        const frames = Number(stdout.match(/frame=\s*(\d+)(?![\s\S]*frame=)/)?.[1] ?? 0);
        assert.ok(frames >= 3, `${frames} frames of ${url}`);
      }
    });
  }
});

function frameRate(text) {
  const [num, den = 1] = String(text).split('/').map(Number);
  return num / den;
}
