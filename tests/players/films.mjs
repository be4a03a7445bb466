// The films of make-media.sh, and the little of HLS and ISO BMFF that the tests read for themselves.
import assert from 'node:assert/strict';
import { raw } from './server.mjs';

export const films = [
  { name: 'h264_aac.mp4', seconds: 10, fps: 25 },
  { name: 'h264_ac3.mkv', seconds: 10, fps: 24000 / 1001 },
  { name: 'hevc10.mkv', seconds: 10, fps: 24 },
  { name: 'vp9_opus.webm', seconds: 8, fps: 30 },
  { name: 'mpeg2_interlaced.ts', seconds: 10, fps: 25 },
  { name: 'xvid_mp3.avi', seconds: 10, fps: 25 },
  { name: 'two_languages.mkv', seconds: 120, fps: 25, long: true },
];

async function text(url) {
  const { pathname, search } = new URL(url);
  const { status, body } = await raw(url, pathname + search);
  assert.equal(status, 200, `GET ${url}: ${status} ${body}`);
  return body.toString();
}

/** The variants of a multivariant playlist: `{url, fps, rendition}`, each media playlist once. */
export async function variants(url) {
  const lines = (await text(url)).split('\n'), found = [];
  lines.forEach((line, i) => {
    if (!line.startsWith('#EXT-X-STREAM-INF:')) return;
    const at = new URL(lines[i + 1], url).href;
    if (found.some(v => v.url === at)) return;
    found.push({ url: at, fps: exact(+/FRAME-RATE=([\d.]+)/.exec(line)?.[1]), rendition: at.split('/').at(-2) });
  });
  assert.ok(found.length > 0, `no variant in ${url}`);
  return found;
}

/** 23.976 → 24000/1001 and the like. */
export const exact = fps => Math.abs(fps - Math.round(fps)) < 1e-6 ? fps : Math.round(fps) * 1000 / 1001;

/** A media playlist: `{init, segments: [{url, start, duration}], ended}`; `start` is the sum of EXTINF before it. */
export async function playlist(url) {
  const segments = [];
  let start = 0, duration = null, init = null, ended = false;
  for (const line of (await text(url)).split('\n')) {
    if (line.startsWith('#EXTINF:')) duration = parseFloat(line.slice(8));
    else if (line.startsWith('#EXT-X-MAP:')) init = new URL(/URI="([^"]+)"/.exec(line)[1], url).href;
    else if (line === '#EXT-X-ENDLIST') ended = true;
    else if (line && !line.startsWith('#')) {
      segments.push({ url: new URL(line, url).href, start, duration });
      start += duration;
    }
  }
  return { init, segments, ended, total: start };
}

/** The boxes of `bytes`: `[{type, body}]`. */
export function boxes(bytes) {
  const found = [];
  for (let at = 0; at + 8 <= bytes.length;) {
    let size = bytes.readUInt32BE(at), head = 8;
    if (size === 1) { size = Number(bytes.readBigUInt64BE(at + 8)); head = 16; }
    if (size === 0) size = bytes.length - at;
    assert.ok(size >= head && at + size <= bytes.length, `box at ${at} has size ${size} of ${bytes.length - at}`);
    found.push({ type: bytes.toString('latin1', at + 4, at + 8), body: bytes.subarray(at + head, at + size) });
    at += size;
  }
  return found;
}

export function inside(bytes, ...names) {
  for (const name of names) {
    const box = boxes(bytes).find(b => b.type === name);
    assert.ok(box, `no ${name} box; there are: ${boxes(bytes).map(b => b.type)}`);
    bytes = box.body;
  }
  return bytes;
}

/** Ticks per second, from an init segment. */
export function timescale(init) {
  const mdhd = inside(init, 'moov', 'trak', 'mdia', 'mdhd');
  return mdhd.readUInt32BE(mdhd[0] === 1 ? 20 : 12);
}

/** When the first picture of a segment is shown, in ticks: decode times of all its
fragments plus composition offsets. Copies with B-frames are decoded ahead of that. */
export function shownFrom(segment) {
  let first = Infinity;
  for (const { type, body } of boxes(segment)) {
    if (type !== 'moof') continue;
    const traf = boxes(body).find(box => box.type === 'traf').body;
    const [tfhd, tfdt, trun] = ['tfhd', 'tfdt', 'trun'].map(kind => boxes(traf).find(box => box.type === kind).body);
    const flags = trun.readUInt32BE(0) & 0xffffff;
    let at = tfdt[0] === 1 ? Number(tfdt.readBigUInt64BE(4)) : tfdt.readUInt32BE(4);
    let field = 8 + (flags & 1 ? 4 : 0) + (flags & 4 ? 4 : 0);
    const next = present => (present ? ((field += 4), trun.readInt32BE(field - 4)) : undefined);
    for (let n = 0; n < trun.readUInt32BE(4); n += 1) {
      const length = next(flags & 0x100) ?? tfhd.readUInt32BE(8);
      next(flags & 0x200);
      next(flags & 0x400);
      first = Math.min(first, at + (next(flags & 0x800) ?? 0));
      at += length;
    }
  }
  return first;
}

/** Fetches init and segment `n` of the first variant of a file: it answers and has the boxes of a fragment. */
export async function firstSegment(base, id, n = 0) {
  const [variant] = await variants(`${base}/hls/${id}/index.m3u8`);
  const list = await playlist(variant.url);
  const init = await raw(base, new URL(list.init).pathname);
  assert.equal(init.status, 200, `init.mp4: ${init.status} ${init.body}`);
  const segment = await raw(base, new URL(list.segments[n].url).pathname);
  assert.equal(segment.status, 200, `segment ${n}: ${segment.status} ${segment.body.subarray(0, 500)}`);
  const types = boxes(segment.body).map(b => b.type);
  assert.ok(types.includes('moof') && types.includes('mdat'), `segment ${n} has the boxes ${types}`);
  return { variant, list, init, segment };
}
