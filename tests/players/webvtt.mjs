// Texts of WebVTT, as tests compare them.
import assert from 'node:assert/strict';

const seconds = clock => clock.split(':').reduce((sum, part) => sum * 60 + Number(part), 0);

/** The cues of a text: `[from, to, lines]`, times in seconds. */
export const cues = text => text.split('\n\n').filter(block => block.includes('-->')).map(block => {
  const [times, ...lines] = block.trim().split('\n');
  const [, from, to] = /^(\S+) --> (\S+)/.exec(times);
  return [seconds(from), seconds(to), lines.join('\n')];
});

/** These are those cues, at their times; `text` is what is compared of one. */
export function near(found, expected, where, text = cue => cue[2]) {
  assert.deepEqual(found.map(text), expected.map(text), where);
  found.forEach((cue, n) => [0, 1].forEach(side => {
    assert.ok(Math.abs(cue[side] - expected[n][side]) < 0.03, `${where}: ${cue} and not ${expected[n]}`);
  }));
}
