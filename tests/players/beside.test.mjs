// Files of subtitles beside a film: found by their names, in whatever they are written, while the service runs.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { media, raw, startServer, temporary, until } from './server.mjs';
import { browsers, serveStage } from './stage.mjs';

const srt = (...lines) => lines.map(([from, to, text], n) => `${n + 1}\r\n00:00:0${from},000 --> 00:00:0${to},500\r\n${text}\r\n`).join('\r\n');
/** More lines than are kept, in as many bytes. */
const long = bytes => (srt([1, 2, 'Ano']) + Array.from({ length: 120_000 }, (_, n) => `\r\n0:0:3,0 --> 0:0:4,0\r\n${n}\r\n`).join('')).padEnd(bytes);
const MOST = 16 << 20;
const FILES = {
  'h264_aac.cs.srt': long(MOST),
  'h264_aac.sk.srt': long(MOST + 1),
  'h264_aac.de.srt': Buffer.from(srt([1, 2, 'Grüße'], [4, 5, 'Straße']), 'latin1'),
  'h264_aac.fr.forced.vtt': Buffer.from('\ufeffWEBVTT\n\n00:01.000 --> 00:02.500\nŒuvre\n', 'utf16le'),
  'h264_aac.Song.ja.ass': '[Script Info]\nScriptType: v4.00+\n\n[Events]\n'
    + 'Format: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text\n'
    + 'Dialogue: 0,0:00:01.00,0:00:02.50,Default,,0,0,0,,{\\i1}歌{\\i0}\n',
  // Times that go backwards, no number, garbage between.
  'h264_aac.en.sdh.srt': '00:00:04,000 --> 00:00:02,000\nnever\n\nnonsense\n\n00:00:01.000-->00:00:02.500 X1:5\n[Wind]\n\n99:99:99,999 --> x\n',
  'h264_aac.tlh.srt': srt([1, 2, 'Qapla']),
  'h264_aac.empty.srt': '',
  // In what editors write without saying so, with every end of line there is, and marks where files were joined.
  'h264_aac.nl.srt': Buffer.from(srt([1, 2, 'Zeeën']), 'utf16le'),
  'h264_aac.sv.srt': Buffer.from(srt([1, 2, 'Åsna']), 'utf16le').swap16(),
  'h264_aac.da.srt': Buffer.from(`\ufeff${srt([1, 2, 'Grød'])}`, 'utf16le').swap16(),
  'h264_aac.fi.srt': Buffer.from(`\ufeff${srt([1, 2, 'Yö'])}`, 'utf16le'),
  'h264_aac.el.srt': '\ufeff\ufeff00:00:01,000 --> 00:00:02,500\nΕδώ\n\n\ufeff00:00:04,000 --> 00:00:05,500\nΕκεί\n',
  'h264_aac.es.srt': srt([1, 2, 'Año']).replaceAll('\r\n', '\r'),
  'h264_aac.pl.vtt': 'WEBVTT\r\r\n\r\r\n00:00:01,000 --> 00:00:02.500\r\r\nŻółw\r\r\n',
  // Minutes that no clock has: it is shown behind the end of the film, and the other one in it.
  'h264_aac.hu.srt': '00:75:00,000 --> 00:75:01,500\nKéső\n\n00:00:01.000 --> 00:00:02,500\nIdőben\n',
  // A tag that nobody knows, and what is none.
  'h264_aac.qqq.srt': srt([1, 2, 'of nowhere']),
  'h264_aac.en-klingonisch.srt': srt([1, 2, 'of a title']),
  'h264_aac.garbage.srt': Buffer.from(Array.from({ length: 65536 }, (_, n) => (n * n * 31 + n * 7 + 129) & 255)),
  'h264_aac.pictures.vtt': Buffer.alloc(5000, 0xff),
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
const first = text => /--> 00:00:02\.500[^\n]*\n([^]*?)\n\n/.exec(text)?.[1];

test('each is offered by what its name says, and reads as what it is written in', async () => {
  for (const [attributes, expected] of [
    [['LANGUAGE="de"', 'FORCED=NO'], 'Grüße'],
    [['LANGUAGE="fr"', 'FORCED=YES'], 'Œuvre'],
    [['LANGUAGE="ja"', 'NAME="Song"'], '<i>歌</i>'],
    [['LANGUAGE="en"', 'transcribes-spoken-dialog'], '[Wind]'],
    [['LANGUAGE="tlh"', 'NAME="tlh"'], 'Qapla'],
    [['LANGUAGE="nl"'], 'Zeeën'],
    [['LANGUAGE="sv"'], 'Åsna'],
    [['LANGUAGE="da"'], 'Grød'],
    [['LANGUAGE="fi"'], 'Yö'],
    [['LANGUAGE="el"'], 'Εδώ'],
    [['LANGUAGE="es"'], 'Año'],
    [['LANGUAGE="pl"'], 'Żółw'],
    [['LANGUAGE="hu"'], 'Időben'],
    [['LANGUAGE="qqq"', 'NAME="qqq"'], 'of nowhere'],
    [['NAME="en-klingonisch"'], 'of a title'],
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
  for (const name of ['empty.srt', 'garbage.srt', 'pictures.vtt']) {
    const { status, text } = await get(`${await found(`NAME="${name.split('.')[0]}"`)}all.vtt`);
    assert.equal(status, 422, name);
    assert.ok(JSON.parse(text).detail.includes(`h264_aac.${name}`) && /no line/.test(text), text);
  }
  assert.equal((await get(`${await found('LANGUAGE="de"')}all.vtt`)).status, 200);
});

test('one that is as long as any may be is read up to the most lines there are, a longer one is left out', { timeout: 60_000 }, async () => {
  const { status, text } = await get(`${await found('LANGUAGE="cs"')}all.vtt`);
  assert.equal(status, 200, text.slice(0, 300));
  assert.equal(first(text), 'Ano');
  assert.equal(text.match(/-->/g).length, 100_000);
  assert.ok(!(await index()).includes('LANGUAGE="sk"'));
  assert.match(server.log(), /h264_aac\.sk\.srt/);
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
      await until(`${expected} at ${time} s`, 20_000, async () => await tab.evaluate('settled() && shownText()') === expected);
    }
  } finally {
    await browser.close();
    await stage.close();
  }
});
