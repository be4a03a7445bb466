// Files of subtitles beside a film: found by their names, in whatever they are written, while the service runs.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { media, raw, startServer, temporary, until } from './server.mjs';
import { browsers, serveStage } from './stage.mjs';

const srt = (...lines) => lines.map(([from, to, text], n) => `${n + 1}\r\n00:00:0${from},000 --> 00:00:0${to},500\r\n${text}\r\n`).join('\r\n');
const FILES = {
  'h264_aac.de.srt': Buffer.from(srt([1, 2, 'Grüße'], [4, 5, 'Straße']), 'latin1'),
  'h264_aac.fr.forced.vtt': Buffer.from('\ufeffWEBVTT\n\n00:01.000 --> 00:02.500\nŒuvre\n', 'utf16le'),
  'h264_aac.Song.ja.ass': '[Script Info]\nScriptType: v4.00+\n\n[Events]\n'
    + 'Format: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text\n'
    + 'Dialogue: 0,0:00:01.00,0:00:02.50,Default,,0,0,0,,{\\i1}歌{\\i0}\n',
  // Times that go backwards, no number, garbage between.
  'h264_aac.en.sdh.srt': '00:00:04,000 --> 00:00:02,000\nnever\n\nnonsense\n\n00:00:01.000-->00:00:02.500 X1:5\n[Wind]\n\n99:99:99,999 --> x\n',
  'h264_aac.tlh.srt': srt([1, 2, 'Qapla']),
  'h264_aac.empty.srt': '',
  'h264_aac 2.en.srt': srt([1, 2, 'of another film']),
};

let home, library, server;
before(async () => {
  home = temporary();
  library = path.join(home, 'library');
  fs.mkdirSync(library);
  fs.copyFileSync(path.join(media(), 'h264_aac.mp4'), path.join(library, 'h264_aac.mp4'));
  for (const [name, content] of Object.entries(FILES)) fs.writeFileSync(path.join(library, name), content);
  server = await startServer({ library });
}, { timeout: 180_000 });

after(async () => {
  await server?.stop();
  if (home) fs.rmSync(home, { recursive: true, force: true });
});

const get = async target => {
  const { status, body } = await raw(server.url, target);
  return { status, text: body.toString() };
};
const index = async () => (await get(`/hls/${server.list[0].id}/index.m3u8`)).text;
/** Address of the folder of the text with these attributes. */
async function found(...attributes) {
  const line = (await index()).split('\n').find(line => line.includes('TYPE=SUBTITLES') && attributes.every(part => line.includes(part)));
  assert.ok(line, `${attributes} in ${await index()}`);
  return new URL(/URI="([^"]+)index\.m3u8"/.exec(line)[1], `http://x/hls/${server.list[0].id}/`).pathname;
}
const first = text => /\.500[^\n]*\n([^]*?)\n\n/.exec(text)?.[1];

test('each is offered by what its name says, and reads as what it is written in', async () => {
  for (const [attributes, expected] of [
    [['LANGUAGE="de"', 'FORCED=NO'], 'Grüße'],
    [['LANGUAGE="fr"', 'FORCED=YES'], 'Œuvre'],
    [['LANGUAGE="ja"', 'NAME="Song"'], '<i>歌</i>'],
    [['LANGUAGE="en"', 'transcribes-spoken-dialog'], '[Wind]'],
    [['LANGUAGE="tlh"', 'NAME="tlh"'], 'Qapla'],
  ]) {
    const folder = await found(...attributes);
    const { status, text } = await get(`${folder}all.vtt`);
    assert.equal(status, 200, text);
    assert.equal(first(text), expected, text);
    assert.ok(!text.includes('never'));
    assert.equal(first((await get(`${folder}1.vtt`)).text), expected, 'its second segment');
  }
  assert.ok(!(await index()).includes('another'), 'those of other films are not offered');
});

test('one without a line says so, and takes nobody else with it', async () => {
  const { status, text } = await get(`${await found('NAME="empty"')}all.vtt`);
  assert.equal(status, 422);
  assert.match(JSON.parse(text).detail, /h264_aac\.empty\.srt.*no line/);
  assert.equal((await get(`${await found('LANGUAGE="de"')}all.vtt`)).status, 200);
});

test('a new one is offered soon, one that has changed is read anew, one that went is gone', { timeout: 90_000 }, async () => {
  const name = path.join(library, 'h264_aac.it.srt');
  fs.writeFileSync(name, srt([1, 2, 'Uno']));
  await until('it is offered', 20_000, async () => (await index()).includes('LANGUAGE="it"'), 500);
  const before = await found('LANGUAGE="it"');
  assert.equal(first((await get(`${before}all.vtt`)).text), 'Uno');
  fs.writeFileSync(name, srt([1, 2, 'Due, tre']));
  await until('another address', 20_000, async () => await found('LANGUAGE="it"') !== before, 500);
  assert.equal(first((await get(`${await found('LANGUAGE="it"')}all.vtt`)).text), 'Due, tre');
  assert.equal((await get(`${before}all.vtt`)).status, 410);
  fs.rmSync(name);
  await until('it is gone', 20_000, async () => !(await index()).includes('LANGUAGE="it"'), 500);
});

test('hls.js shows one in Chromium', { timeout: 60_000 }, async () => {
  const [stage, browser] = [await serveStage(), await browsers.Chromium()];
  try {
    const tab = await browser.open(stage.url);
    await tab.evaluate(`start('hls.js', ${JSON.stringify(`${server.url}/hls/${server.list[0].id}/index.m3u8`)}, null, 'de')`);
    await until('it plays', 20_000, () => tab.evaluate('video.currentTime > 0.1'));
    await tab.evaluate('video.pause()');
    for (const [time, expected] of [[4.7, 'Straße'], [3.2, ''], [1.5, 'Grüße']]) {
      await tab.evaluate(`video.currentTime = ${time}`);
      await until(`${expected} at ${time} s`, 20_000, async () => await tab.evaluate('shownText()') === expected);
    }
  } finally {
    await browser.close();
    await stage.close();
  }
});
