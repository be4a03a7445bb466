// The table: medians, with the spread of ours.
export const RUNS = 5;
export const rows = [];

export const median = (values) => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)];

const DIGITS = { s: 3, ms: 1, kB: 1, MB: 0, ticks: 0, "requests/s": 0, "MB/s": 0, "× real time": 1 };

// `target` is one of { limit }, at most so much; { least }, at least so much; { most } and { share }, at most and at
// least so much of the rival's.
export function row(what, { ours, rival, target = {}, unit = "s" }) {
    const digits = DIGITS[unit] ?? 1;
    const text = (value) => `${value.toFixed(digits)} ${unit}`;
    const mine = median(ours);
    const spread = ours.length > 1 ? ` (${Math.min(...ours).toFixed(digits)}–${Math.max(...ours).toFixed(digits)})` : "";
    const theirs = rival && median(rival);
    const ratio = mine / theirs;
    const [[kind, bound] = []] = Object.entries(target);
    const [wanted, held] = {
        limit: [`≤ ${bound} ${unit}`, mine <= bound],
        least: [`≥ ${bound} ${unit}`, mine >= bound],
        most: [`≤ ${bound}×`, ratio <= bound],
        share: [`≥ ${bound}×`, ratio >= bound],
    }[kind] ?? ["", undefined];
    const verdict = held === undefined ? "" : held ? "met" : "**missed**";
    const beside = theirs === undefined ? "" : text(theirs);
    rows.push([what, text(mine) + spread, beside, rival ? ratio.toFixed(2) : "", wanted, verdict]);
    console.error(rows.at(-1).join(" | "));
}

export async function repeat(measure, runs = RUNS) {
    const values = [];
    for (let run = 0; run < runs; run += 1) values.push(await measure());
    return values;
}

// Ours and the rival's in turn, so that a noisy moment meets both.
export async function sideBySide(ours, rival) {
    const [mine, theirs] = [[], []];
    for (let run = 0; run < RUNS; run += 1) {
        mine.push(await ours());
        theirs.push(await rival());
    }
    return { ours: mine, rival: theirs };
}
