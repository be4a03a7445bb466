// Teletext in transport streams: every subtitle page is a text track, its lines at their seconds.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { playlist } from './films.mjs';
import { media, raw, startServer, temporary, until } from './server.mjs';
import { browsers, serveStage } from './stage.mjs';
import { withTeletext } from './teletext.mjs';
import { cues, near } from './webvtt.mjs';

const LINES = [[1, 3, 'Gr}~e'], [20.5, 23.25, 'Two <3'], [100, 104, 'Four']];
const TRACKS = [
  // The index of all pages is no subtitle.
  { language: 'deu', kind: 1, page: 0x100, lines: [] },
  { language: 'deu', kind: 2, page: 0x150, option: 4, lines: LINES.map(([from, to, text]) => [from, to, [text]]) },
  // Yellow, then cyan in another row; the whole time another line.
  { language: 'eng', kind: 5, page: 0x888, lines: [[0.5, 19, ['\x03(Music)', '\x06Who?']], [19, 30, ['Nobody']]] },
];
const GERMAN = [[1, 3, 'Grüße'], [20.5, 23.25, 'Two &lt;3'], [100, 104, 'Four']];
const ENGLISH = [[0.5, 19, '<c.yellow>(Music)</c>\n<c.cyan>Who?</c>'], [19, 30, 'Nobody']];

let home, server, stage;
before(async () => {
  home = temporary();
  const library = path.join(home, 'library');
  fs.mkdirSync(library);
  const film = path.join(media(), 'two_languages.mkv');
  const plain = path.join(home, 'plain.ts');
  const mux = options => execFileSync('ffmpeg', ['-nostdin', '-v', 'error', '-y', '-i', film, '-map', '0:v', '-map', '0:a:0', '-c', 'copy', ...options, '-f', 'mpegts', plain]);
  mux([]);
  fs.writeFileSync(path.join(library, 'recording.ts'), withTeletext(fs.readFileSync(plain), TRACKS));
  fs.writeFileSync(path.join(library, 'index.ts'), withTeletext(fs.readFileSync(plain), TRACKS.slice(0, 1)));
  // Its clock begins somewhere, as those of broadcasters do, and goes round on the way.
  mux(['-output_ts_offset', '95380']);
  fs.writeFileSync(path.join(library, 'late.ts'), withTeletext(fs.readFileSync(plain), TRACKS));
  server = await startServer({ library });
  stage = await serveStage();
}, { timeout: 180_000 });

after(async () => {
  await stage?.close();
  await server?.stop();
  if (home) fs.rmSync(home, { recursive: true, force: true });
});

const get = async url => {
  const { status, headers, body } = await raw(server.url, new URL(url, server.url).pathname);
  return { status, type: headers['content-type'], text: body.toString() };
};
const attribute = (line, name) => new RegExp(`${name}="([^"]*)"`).exec(line)?.[1];
const tracks = async name => {
  const base = `${server.url}/hls/${server.files[name].id}/index.m3u8`;
  const lines = (await get(base)).text.split('\n').filter(line => line.includes('TYPE=SUBTITLES'));
  return lines.map(line => ({ line, list: new URL(attribute(line, 'URI'), base) }));
};

/** The segment of a list that is shown at a second, and its span. */
async function segmentAt(list, second) {
  const { segments, total } = await playlist(list);
  const found = segments.find(({ start, duration }) => start + duration > second);
  assert.ok(found, `the list ends at ${total} s`);
  return { at: found.start, end: found.start + found.duration, ...await get(found.url) };
}

for (const name of ['recording.ts', 'late.ts']) {
  test(`${name}: HLS names the subtitle pages with their languages, and who they are for`, async () => {
    const found = await tracks(name);
    assert.deepEqual(found.map(({ line }) => attribute(line, 'LANGUAGE')), ['de', 'en']);
    assert.equal(attribute(found[0].line, 'CHARACTERISTICS'), undefined);
    assert.match(attribute(found[1].line, 'CHARACTERISTICS'), /describes-music-and-sound/);
  });

  test(`${name}: segments have the lines that are shown in them, first those in the middle`, async () => {
    const [german, english] = await tracks(name);
    for (const [list, expected] of [[german.list, GERMAN], [english.list, ENGLISH]]) {
      for (const second of [101, 21, 40, 1.5, 25]) {
        const segment = await segmentAt(list, second);
        assert.equal(segment.status, 200);
        const clearly = ([from, to]) => from < segment.end - 0.03 && to > segment.at + 0.03;
        near(cues(segment.text).filter(clearly), expected.filter(clearly), `segment at ${second} s`);
      }
    }
  });

  test(`${name}: DASH has them whole`, async () => {
    const base = `${server.url}/dash/${server.files[name].id}/manifest.mpd`;
    const manifest = (await get(base)).text;
    const found = [...manifest.matchAll(/<BaseURL>([^<]*all\.vtt)<\/BaseURL>/g)].map(match => new URL(match[1], base));
    assert.equal(found.length, 2, manifest);
    for (const [n, expected] of [GERMAN, ENGLISH].entries()) near(cues((await get(found[n])).text), expected, name);
  });
}

test('a stream whose tables name no subtitle page has none', async () => {
  assert.deepEqual(await tracks('index.ts'), []);
});

test('hls.js shows the lines at their seconds in Chromium', { timeout: 60_000 }, async () => {
  const browser = await browsers.Chromium();
  try {
    const tab = await browser.open(stage.url);
    await tab.evaluate(`start('hls.js', ${JSON.stringify(`${server.url}/hls/${server.files['recording.ts'].id}/index.m3u8`)}, null, 'de')`);
    let now;
    const shown = (what, look) => until(() => `${what}; ${JSON.stringify(now)}`, 20_000, async () => {
      now = await tab.evaluate('({ time: video.currentTime, settled: settled(), text: shownText(), errors })');
      assert.deepEqual(now.errors, [], 'the player complains');
      return now.settled && look(now);
    });
    await shown('it plays', ({ time }) => time > 0.2);
    await tab.evaluate('video.pause()');
    for (const [time, expected] of [[101, 'Four'], [2, 'Grüße'], [3.5, ''], [21.5, 'Two <3']]) {
      await tab.evaluate(`video.currentTime = ${time}`);
      await shown(`${JSON.stringify(expected)} at ${time} s`, ({ text }) => text === expected);
    }
    await tab.close();
  } finally {
    await browser.close();
  }
});
