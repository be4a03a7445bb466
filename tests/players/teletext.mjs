// Puts Teletext into a transport stream of ffmpeg's, as a broadcaster does: ffmpeg can read it and not write it.
// EN 300 706 (pages), EN 300 472 (in PES packets), EN 300 468 section 6.2.43 (what the tables say of it).

const PACKET = 188, PID = 0x1fe, CLOCK = 90_000;
const NIBBLES = [0x15, 0x02, 0x49, 0x5e, 0x64, 0x73, 0x38, 0x2f, 0xd0, 0xc7, 0x8c, 0x9b, 0xa1, 0xb6, 0xfd, 0xea];
const ones = byte => byte.toString(2).replaceAll('0', '').length;
const odd = byte => ones(byte) % 2 ? byte : byte | 0x80;
const reversed = byte => Number.parseInt(byte.toString(2).padStart(8, '0').split('').reverse().join(''), 2);

function unit(page, packet, body) {
  const magazine = page >> 8 & 7;
  const address = [NIBBLES[magazine | (packet & 1) << 3], NIBBLES[packet >> 1]];
  return [0x03, 0x2c, 0xe8, 0xe4, ...[...address, ...body].map(reversed)];
}

/** The head of a page: erased, a subtitle, with the letters of one national option (C12 lowest). */
const head = (page, option) => unit(page, 0, [
  ...[page & 15, page >> 4 & 15, 0, 8, 0, 8, 0, option << 1].map(nibble => NIBBLES[nibble]), ...Array(32).fill(odd(0x20))]);

function row(page, number, codes) {
  const places = Array(40).fill(0x20);
  codes.forEach((code, n) => { places[n] = code; });
  return unit(page, number, places.map(odd));
}

/** Rows of codes in a box, double height, as subtitles are. */
const boxed = (page, rows) => rows.flatMap((codes, n) =>
  row(page, 24 - 2 * (rows.length - n), [0x0d, 0x0b, 0x0b, ...(typeof codes === 'string' ? Buffer.from(codes, 'latin1') : codes), 0x0a, 0x0a]));

function pes(ticks, units) {
  const stamp = [0x21 | Math.floor(ticks / 2 ** 29) & 0x0e, ticks / 2 ** 22 & 0xff, ticks / 2 ** 14 & 0xfe | 1, ticks / 2 ** 7 & 0xff, ticks * 2 & 0xfe | 1];
  const body = [0x84, 0x80, 0x24, ...stamp, ...Array(31).fill(0xff), 0x10, ...units];
  return Buffer.from([0, 0, 1, 0xbd, body.length >> 8, body.length & 0xff, ...body]);
}

function* packets(pid, data, counter) {
  for (let at = 0; at < data.length; at += 184) {
    const part = data.subarray(at, at + 184), free = 184 - part.length;
    const field = free === 0 ? [] : free === 1 ? [0] : [free - 1, 0, ...Array(free - 2).fill(0xff)];
    yield Buffer.concat([Buffer.from([0x47, (at ? 0 : 0x40) | pid >> 8, pid & 0xff, (free ? 0x30 : 0x10) | counter.next++ & 15, ...field]), part]);
  }
}

function crc32(bytes) {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte << 24;
    for (let bit = 0; bit < 8; bit++) crc = crc & 0x80000000 ? crc << 1 ^ 0x04c11db7 : crc << 1;
  }
  return [24, 16, 8, 0].map(shift => crc >>> shift & 0xff);
}

/** The table of the program in `packet` with one more stream. */
function announce(packet, tracks) {
  const start = 5 + packet[4], length = (packet[start + 1] & 15) << 8 | packet[start + 2];
  const entries = tracks.flatMap(({ language, kind, page }) => [...Buffer.from(language), kind << 3 | page >> 8 & 7, page & 0xff]);
  const section = [...packet.subarray(start, start + 3 + length - 4), 6, 0xe0 | PID >> 8, PID & 0xff, 0xf0, entries.length + 2, 0x56, entries.length, ...entries];
  section[1] = section[1] & 0xf0 | section.length + 1 >> 8;
  section[2] = section.length + 1 & 0xff;
  const bytes = Buffer.from([...packet.subarray(0, start), ...section, ...crc32(section)]);
  return Buffer.concat([bytes, Buffer.alloc(PACKET - bytes.length, 0xff)]);
}

const pidOf = packet => (packet[1] & 0x1f) << 8 | packet[2];
const starts = packet => packet[1] & 0x40;

/** When what begins in a packet is presented, in ticks; `undefined` where that is no picture or sound. */
function presented(packet) {
  const at = packet[3] & 0x20 ? 5 + packet[4] : 4;
  const [, , mark, id] = packet.subarray(at, at + 4);
  if (!starts(packet) || mark !== 1 || (id & 0xf0) !== 0xe0 && (id & 0xe0) !== 0xc0) return undefined;
  const [a, b, c, d, e] = packet.subarray(at + 9, at + 14);
  return (a >> 1 & 7) * 2 ** 30 + b * 2 ** 22 + (c >> 1) * 2 ** 15 + d * 2 ** 7 + (e >> 1);
}

const clock = packet => packet[3] & 0x20 && packet[4] >= 7 && packet[5] & 0x10 ? packet.readUInt32BE(6) * 2 + (packet[10] >> 7) : undefined;

/**
 * `stream` with pages. Tracks are `{ language, kind, page, option, lines }`, kind 2 for subtitles and 5 for those who cannot
 * hear, lines `[from, to, rows]` in seconds from the first picture or sound. A line is sent again every second.
 */
export function withTeletext(stream, tracks) {
  const all = [];
  for (let at = 0; at + PACKET <= stream.length; at += PACKET) all.push(stream.subarray(at, at + PACKET));
  const origin = Math.min(...all.slice(0, 2000).map(presented).filter(ticks => ticks !== undefined));
  const due = [];
  for (const { page, option = 0, lines } of tracks) {
    for (const [from, to, rows] of lines) {
      for (let again = from; again < to; again++) due.push([again, [...head(page, option), ...boxed(page, rows), ...head(page | 0xff, option)]]);
      if (lines.every(other => other[0] !== to)) due.push([to, [...head(page, option), ...head(page | 0xff, option)]]);
    }
  }
  due.sort((a, b) => a[0] - b[0]);
  const out = [], counter = { next: 0 };
  const program = all.find(packet => pidOf(packet) === 0).subarray(5 + 8 + 2).readUInt16BE() & 0x1fff;
  for (const packet of all) {
    out.push(pidOf(packet) === program && starts(packet) ? announce(packet, tracks) : packet);
    let now = clock(packet);
    // The clock has gone round.
    if (now < origin - 2 ** 32) now += 2 ** 33;
    // Half a second before they are shown.
    while (now !== undefined && due.length && origin + due[0][0] * CLOCK - CLOCK / 2 <= now) {
      const [seconds, units] = due.shift();
      out.push(...packets(PID, pes(Math.round(origin + seconds * CLOCK), units), counter));
    }
  }
  return Buffer.concat(out);
}
