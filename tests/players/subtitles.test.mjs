// Subtitles, as players find them: of every container and format that is read, at the right second.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { media, raw, startServer, temporary, until } from './server.mjs';
import { browsers, serveStage } from './stage.mjs';
import { cues, near } from './webvtt.mjs';

const SRT = `1
00:00:01,000 --> 00:00:03,000
<i>One</i>

2
00:00:20,500 --> 00:00:23,000
Two & <b>three</b>
in two rows

3
00:01:40,000 --> 00:01:44,000
Four
`;
const EXPECTED = [[1, 3, '<i>One</i>'], [20.5, 23, 'Two &amp; <b>three</b>\nin two rows'], [100, 104, 'Four']];

// Of pauses ffmpeg writes nothing into fragments: a line lasts until the next one.
const IN_FRAGMENTS = [[1, 20.5, EXPECTED[0][2]], [20.5, 100, EXPECTED[1][2]], EXPECTED[2]];
const expected = name => /fragments|listed|hybrid/.test(name) ? IN_FRAGMENTS : EXPECTED;

/** Files by name: how the text gets in. */
const FILES = {
  'subrip.mkv': ['-c:s', 'srt'],
  'ass.mkv': ['-c:s', 'ass'],
  // WebVTT as ffmpeg writes it, and under its name of today; GStreamer 1.22 knows neither.
  'webm.mkv': ['-c:s', 'webvtt'],
  'webvtt.mkv': ['-c:s', 'webvtt'],
  'timed.mp4': ['-c:s', 'mov_text'],
  // Nothing begins before its picture.
  'silent.mkv': ['-an', '-c:s', 'srt'],
  // In fragments, with and without a list of them.
  'fragments.mp4': ['-c:s', 'mov_text', '-movflags', 'frag_keyframe+empty_moov'],
  'listed.mp4': ['-c:s', 'mov_text', '-movflags', 'dash+global_sidx'],
  'hybrid.mp4': ['-c:s', 'mov_text', '-movflags', 'frag_keyframe', '-frag_duration', '5000000'],
  // Its clock begins at seven seconds.
  'late.mkv': ['-c:s', 'srt', '-output_ts_offset', '7'],
  'late.mp4': ['-c:s', 'mov_text', '-output_ts_offset', '7'],
};

let home, server, stage;
before(async () => {
  home = temporary();
  const library = path.join(home, 'library');
  fs.mkdirSync(library);
  const film = path.join(media(), 'two_languages.mkv'), text = path.join(home, 'text.srt');
  fs.writeFileSync(text, SRT);
  for (const [name, codec] of Object.entries(FILES)) {
    execFileSync('ffmpeg', ['-nostdin', '-v', 'error', '-y', '-copyts', '-i', film, '-i', text, '-map', '0:v', '-map', '0:a:0', '-map', '1:s',
      '-c', 'copy', ...codec, '-metadata:s:s:0', 'language=deu', path.join(library, name)]);
  }
  rename(path.join(library, 'webvtt.mkv'), 'D_WEBVTT/SUBTITLES', 'S_TEXT/WEBVTT');
  server = await startServer({ library });
  stage = await serveStage();
}, { timeout: 180_000 });

after(async () => {
  await stage?.close();
  await server?.stop();
  if (home) fs.rmSync(home, { recursive: true, force: true });
});

/** Another CodecID of a track; what is left of the longer one are zeros, which strings of EBML may end with. */
function rename(file, from, to) {
  const bytes = fs.readFileSync(file), at = bytes.indexOf(from);
  assert.ok(at > 0, `${from} is in ${file}`);
  bytes.fill(0, at, at + from.length).write(to, at);
  fs.writeFileSync(file, bytes);
}

/** ffmpeg writes WebVTT as it finds it. */
const text = cue => cue[2].replaceAll('&amp;', '&');

const get = async url => {
  const { status, headers, body } = await raw(server.url, new URL(url, server.url).pathname);
  return { status, type: headers['content-type'], text: body.toString() };
};
const attribute = (line, name) => new RegExp(`${name}="([^"]*)"`).exec(line)?.[1];

for (const name of Object.keys(FILES)) {
  describe(name, () => {
    test('HLS names it, and every segment has the lines that are shown in it', async () => {
      const { id } = server.files[name];
      const base = `${server.url}/hls/${id}/index.m3u8`;
      const index = await get(base);
      const line = index.text.split('\n').find(line => line.includes('TYPE=SUBTITLES'));
      assert.ok(line, index.text);
      assert.equal(attribute(line, 'LANGUAGE'), 'de');
      assert.ok(index.text.split('\n').filter(line => line.startsWith('#EXT-X-STREAM-INF')).every(line => line.includes('SUBTITLES="text"')));
      const list = new URL(attribute(line, 'URI'), base);
      const playlist = await get(list);
      assert.match(playlist.text, /#EXT-X-ENDLIST/);
      let at = 0;
      const lines = playlist.text.split('\n');
      for (const [n, entry] of lines.entries()) {
        if (!entry.startsWith('#EXTINF:')) continue;
        const end = at + Number(/#EXTINF:([\d.]+)/.exec(entry)[1]);
        const near_a_cue = expected(name).some(([from, to]) => from < end + 2 && to > at - 2);
        if (near_a_cue) {
          const segment = await get(new URL(lines[n + 1], list));
          assert.equal(segment.status, 200);
          assert.equal(segment.type, 'text/vtt; charset=utf-8');
          assert.match(segment.text, /^WEBVTT\nX-TIMESTAMP-MAP=MPEGTS:0,LOCAL:00:00:00.000\n/);
          const clearly = cues(segment.text).filter(([from, to]) => from < end - 0.03 && to > at + 0.03);
          near(clearly, expected(name).filter(([from, to]) => from < end - 0.03 && to > at + 0.03), `segment from ${at} s`, text);
        }
        at = end;
      }
      assert.ok(at > 119, `the list ends at ${at} s`);
    });

    test('DASH has it whole', async () => {
      const { id } = server.files[name];
      const base = `${server.url}/dash/${id}/manifest.mpd`;
      const address = /<BaseURL>([^<]*all\.vtt)<\/BaseURL>/.exec((await get(base)).text)?.[1];
      const whole = await get(new URL(address, base));
      assert.equal(whole.status, 200);
      near(cues(whole.text), expected(name), name, text);
    });
  });
}

describe('in Chromium', () => {
  let browser;
  before(async () => { browser = await browsers.Chromium(); }, { timeout: 60_000 });
  after(() => browser?.close());

  for (const [player, address] of [['hls.js', id => `/hls/${id}/index.m3u8`], ['Shaka', id => `/hls/${id}/index.m3u8`], ['Shaka', id => `/dash/${id}/manifest.mpd`], ['dash.js', id => `/dash/${id}/manifest.mpd`]]) {
    test(`${player} shows the lines at their seconds, ${address('…').split('/')[1]}`, { timeout: 60_000 }, async () => {
      const tab = await browser.open(stage.url);
      // Of text that arrives after a seek, dash.js 5.2 shows nothing, and it seeks where a picture begins after its sound.
      const dashjs = player === 'dash.js';
      const { id } = server.files[dashjs ? 'silent.mkv' : 'subrip.mkv'];
      await tab.evaluate(`start(${JSON.stringify(player)}, ${JSON.stringify(`${server.url}${address(id)}?copy=only`)}, null, 'de')`);
      let now;
      const shown = (what, look) => until(() => `${what}; ${JSON.stringify(now)}`, 20_000, async () => {
        now = await tab.evaluate('({ time: video.currentTime, settled: settled(), text: shownText(), lines: lines(), errors })');
        assert.deepEqual(now.errors, [], 'the player complains');
        return now.settled && look(now);
      });
      await shown('it plays', ({ time, lines }) => time > 0.2 && (!dashjs || lines > 0));
      await tab.evaluate('video.pause()');
      for (const [time, expected] of [[2, 'One'], [3.5, ''], [21.5, 'Two & three\nin two rows'], [101, 'Four'], [19, '']]) {
        await tab.evaluate(`video.currentTime = ${time}`);
        await shown(`${JSON.stringify(expected)} at ${time} s`, ({ text }) => text === expected);
      }
      await tab.close();
    });
  }
});
