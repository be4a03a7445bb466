// Decode times of a segment (ISO/IEC 14496-12), in ticks.
function* boxes(bytes, from = 0, to = bytes.length) {
    for (let at = from; at < to; ) {
        const size = bytes.readUInt32BE(at);
        yield { type: bytes.toString("latin1", at + 4, at + 8), from: at + 8, to: at + size };
        at += size;
    }
}

function inside(bytes, { from, to }, type) {
    return [...boxes(bytes, from, to)].filter((box) => box.type === type);
}

// Its first decode time, and the end of its last sample.
export function decodeTimes(segment) {
    let [start, end] = [undefined, undefined];
    for (const moof of boxes(segment)) {
        if (moof.type !== "moof") continue;
        const [traf] = inside(segment, moof, "traf");
        const [tfdt] = inside(segment, traf, "tfdt");
        const time = segment[tfdt.from] === 1 ? Number(segment.readBigUInt64BE(tfdt.from + 4)) : segment.readUInt32BE(tfdt.from + 4);
        start ??= time;
        const [tfhd] = inside(segment, traf, "tfhd");
        end = time + inside(segment, traf, "trun").reduce((sum, trun) => sum + duration(segment, trun, tfhd), 0);
    }
    return { start, end };
}

function duration(segment, trun, tfhd) {
    const [flags, count] = [segment.readUInt32BE(trun.from) & 0xffffff, segment.readUInt32BE(trun.from + 4)];
    if (!(flags & 0x100)) return count * defaultDuration(segment, tfhd);
    const fields = [0x100, 0x200, 0x400, 0x800].filter((flag) => flags & flag).length;
    let at = trun.from + 8 + (flags & 0x1 ? 4 : 0) + (flags & 0x4 ? 4 : 0);
    let sum = 0;
    for (let sample = 0; sample < count; sample += 1, at += fields * 4) sum += segment.readUInt32BE(at);
    return sum;
}

function defaultDuration(segment, tfhd) {
    const flags = segment.readUInt32BE(tfhd.from) & 0xffffff;
    if (!(flags & 0x8)) throw new Error("no sample duration in tfhd");
    return segment.readUInt32BE(tfhd.from + 8 + (flags & 0x1 ? 8 : 0) + (flags & 0x2 ? 4 : 0));
}
