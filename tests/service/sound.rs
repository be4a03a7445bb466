//! Sound to test with, and how a click is measured.
//!
//! Two decoded sounds are held against the source, sample by sample: that of one uninterrupted head, whose
//! difference from the source is the encoder's coding error, and that of the joined stream. In every block of
//! [`BLOCK`] samples of every channel the joined sound's difference must be like the coding error there: its RMS, its
//! peak and the peak of its second difference (a high-pass, which makes a step or a single wrong sample stand out of a
//! tone) at most [`RATIO`] times the greatest of the uninterrupted sound in the blocks around. A missing or doubled sample shifts all that follows and fails every block behind it; where
//! heads join, it is also looked for by correlation.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::random::Random;

/// Samples of an AAC frame.
pub const BLOCK: usize = 1024;
/// Encoders that have other bits in reserve quantise differently: measured up to 1.6 in single blocks. A join without a
/// lead has more than a hundred.
const RATIO: f32 = 2.0;
/// Blocks on either side whose coding error counts too, a tenth of a second: how well a transient is coded depends on the
/// bits in reserve, and the next one is coded no better.
const AROUND: usize = 5;
/// Full scale is 1: errors below -66 dB are held to be no better than that.
const FLOOR: f32 = 0.0005;
/// Samples around a join in which a lag is looked for, and how far.
const LAG_WINDOW: usize = 2048;
const LAG_REACH: usize = 64;
/// The delay of an encoder's and a decoder's own, at most, and the piece of noise in which it is looked for.
const CODEC_LAG: usize = 3000;
const CODEC_LAG_WINDOW: usize = 512;

pub type Pcm = Vec<[f32; 2]>;

/// One round of the test sound: tones, a sweep, pink noise, clicks over a quiet tone.
const ROUND_SECONDS: usize = 20;
const SECTION_SECONDS: usize = 5;
const NOISE_SECTION: usize = 2;

/// Writes stereo s16le.
pub fn write_test_sound(out: &mut impl Write, sample_rate: u32, seconds: u32) -> std::io::Result<()> {
    let mut random = [Random::new(7), Random::new(9)];
    let mut pink = [Pink::default(); 2];
    for second in 0..seconds as usize {
        let mut bytes = Vec::with_capacity(sample_rate as usize * 4);
        for n in 0..sample_rate as usize {
            for channel in 0..2 {
                let noise = pink[channel].next(random[channel].signed());
                let value = test_sample(second, n, sample_rate, channel, noise);
                bytes.extend(((value.clamp(-1.0, 1.0) * 32_767.0).round() as i16).to_le_bytes());
            }
        }
        out.write_all(&bytes)?;
    }
    Ok(())
}

fn test_sample(second: usize, n: usize, sample_rate: u32, channel: usize, noise: f64) -> f64 {
    let section = second % ROUND_SECONDS / SECTION_SECONDS;
    let rate = f64::from(sample_rate);
    let time = (second % SECTION_SECONDS) as f64 + n as f64 / rate;
    let turn = |hertz: f64| (std::f64::consts::TAU * hertz * time).sin();
    match section {
        0 if channel == 0 => 0.2 * turn(220.0) + 0.1 * turn(554.4),
        0 => 0.2 * turn(330.0) + 0.1 * turn(1244.5),
        1 => {
            // Exponential, from 50 Hz to 8 kHz in a section.
            let octaves = 160.0_f64.ln() / SECTION_SECONDS as f64;
            0.4 * (std::f64::consts::TAU * 50.0 * ((octaves * time).exp() - 1.0) / octaves).sin()
        }
        NOISE_SECTION => 0.5 * noise,
        _ => 0.05 * turn(1000.0) + if n.is_multiple_of(sample_rate as usize / 10) { 0.8 } else { 0.0 },
    }
}

/// Pink noise from white by Paul Kellet's filter.
#[derive(Clone, Copy, Default)]
struct Pink([f64; 3]);

impl Pink {
    fn next(&mut self, white: f64) -> f64 {
        let [a, b, c] = &mut self.0;
        *a = 0.99765 * *a + white * 0.099_046;
        *b = 0.963 * *b + white * 0.296_516_4;
        *c = 0.57 * *c + white * 1.052_691_3;
        (*a + *b + *c + white * 0.1848) * 0.2
    }
}

/// The first sound of a file, as `ffmpeg` decodes it, and what it complains about.
pub fn decode(file: &Path) -> (Pcm, String) {
    let output = Command::new("ffmpeg")
        .args(["-nostdin", "-hide_banner", "-v", "error", "-i"])
        .arg(file)
        .args(["-map", "0:a:0", "-ac", "2", "-f", "f32le", "-"])
        .stdin(Stdio::null())
        .output()
        .expect("ffmpeg runs");
    let value = |bytes: &[u8]| f32::from_le_bytes(bytes.try_into().expect("four bytes"));
    let pcm = output.stdout.chunks_exact(8).map(|both| [value(&both[..4]), value(&both[4..])]).collect();
    (pcm, String::from_utf8_lossy(&output.stderr).into_owned())
}

/// What the comparison measured: the greatest ratio of each kind, and where.
#[derive(Debug, Default)]
pub struct Heard {
    pub joins: usize,
    /// Joins whose sound around them is that of the uninterrupted head, bit by bit.
    pub identical_joins: usize,
    /// Greatest difference between the two around any join.
    pub greatest_difference: f32,
    pub rms: Worst,
    pub peak: Worst,
    pub second_difference: Worst,
}

#[derive(Clone, Copy, Debug, Default)]
pub struct Worst {
    pub ratio: f32,
    pub at: usize,
}

impl Worst {
    fn note(&mut self, ratio: f32, at: usize) {
        if ratio > self.ratio {
            *self = Self { ratio, at };
        }
    }
}

/// What joined sound is held against: that of one head, and how that differs from the source.
pub struct Reference {
    source: Pcm,
    one: Pcm,
    lag: i64,
    coded: Vec<Block>,
}

impl Reference {
    /// `None` where the one head's sound is nowhere near the source's.
    pub fn new(source: Pcm, one: Pcm) -> Option<Self> {
        let lag = codec_lag(&source, &one)?;
        let coded = blocks(&source, &one, lag);
        Some(Self { source, one, lag, coded })
    }

    /// What was measured of the joined sound, and the problems it has; `joins` are samples.
    pub fn compare(&self, joined: &Pcm, joins: &[usize]) -> (Heard, Vec<String>) {
        let mut heard = Heard { joins: joins.len(), ..Heard::default() };
        let mut problems = Vec::new();
        if self.one.len() != joined.len() {
            problems.push(format!("{} samples, one head makes {}", joined.len(), self.one.len()));
        }
        for &join in joins {
            problems.extend(around_join(&self.one, joined, join, &mut heard));
        }
        for (at, block) in blocks(&self.source, joined, self.lag).iter().enumerate() {
            let near = at.saturating_sub(AROUND)..(at + AROUND + 1).min(self.coded.len());
            let near = self.coded.get(near).unwrap_or_default();
            let most = |of: fn(&Block) -> f32| near.iter().map(of).fold(FLOOR, f32::max);
            let sample = at * BLOCK;
            heard.rms.note(block.rms / most(|b| b.rms), sample);
            heard.peak.note(block.peak / most(|b| b.peak), sample);
            heard.second_difference.note(block.sharp / most(|b| b.sharp), sample);
        }
        let measured =
            [("RMS", heard.rms), ("peak", heard.peak), ("second difference", heard.second_difference)];
        for (name, Worst { ratio, at }) in measured.into_iter().filter(|(_, worst)| worst.ratio > RATIO) {
            let join = joins.iter().min_by_key(|join| join.abs_diff(at));
            problems.push(format!("{name} {ratio:.2} of the coding error at {at}, near the join {join:?}"));
        }
        (heard, problems)
    }
}

/// By how many samples the decoded sound is behind the source's (ahead when negative), from the first noise.
fn codec_lag(source: &Pcm, one: &Pcm) -> Option<i64> {
    let last = one.len().min(source.len()).checked_sub(4 * CODEC_LAG)?;
    let first = last.min(NOISE_SECTION * SECTION_SECONDS * 48_000 + 48_000);
    let reach = CODEC_LAG as i64;
    let best = (-reach..=reach).max_by(|a, b| {
        let score = |shift: i64| -> f32 {
            let late = &one[(first as i64 + shift) as usize..][..CODEC_LAG_WINDOW];
            source[first..][..CODEC_LAG_WINDOW].iter().zip(late).map(|(a, b)| a[0] * b[0]).sum()
        };
        score(*a).total_cmp(&score(*b))
    })?;
    (best.abs() < reach).then_some(best)
}

/// A lag of the joined sound behind or ahead of the other at a join, and what differs there.
fn around_join(one: &Pcm, joined: &Pcm, join: usize, heard: &mut Heard) -> Option<String> {
    let from = join.saturating_sub(LAG_WINDOW).max(LAG_REACH);
    let to = (join + LAG_WINDOW).min(one.len().min(joined.len()).checked_sub(LAG_REACH)?);
    if from >= to {
        return None;
    }
    let window = &joined[from..to];
    if window == &one[from..to] {
        heard.identical_joins += 1;
        return None;
    }
    let square = |a: &[f32; 2], b: &[f32; 2]| (a[0] - b[0]).powi(2) + (a[1] - b[1]).powi(2);
    let off = |shift: usize| -> f32 {
        let other = &one[from + shift - LAG_REACH..][..window.len()];
        window.iter().zip(other).map(|(a, b)| square(a, b)).sum()
    };
    let differences = window.iter().zip(&one[from..to]);
    let greatest = differences.flat_map(|(a, b)| [(a[0] - b[0]).abs(), (a[1] - b[1]).abs()]);
    heard.greatest_difference = greatest.fold(heard.greatest_difference, f32::max);
    let best = (0..=2 * LAG_REACH).min_by(|a, b| off(*a).total_cmp(&off(*b)))?;
    // A steady tone is as like itself a period later.
    let lags = best != LAG_REACH && off(best) < 0.5 * off(LAG_REACH);
    lags.then(|| format!("lags by {} samples at the join {join}", LAG_REACH as i64 - best as i64))
}

/// Difference of two sounds in a block: the greater of the two channels.
struct Block {
    rms: f32,
    peak: f32,
    sharp: f32,
}

fn blocks(source: &Pcm, heard: &Pcm, lag: i64) -> Vec<Block> {
    let (ahead, behind) = (lag.min(0).unsigned_abs() as usize, lag.max(0) as usize);
    let pairs = source.iter().skip(ahead).zip(heard.iter().skip(behind));
    let errors: Vec<[f32; 2]> = pairs.map(|(a, b)| [b[0] - a[0], b[1] - a[1]]).collect();
    errors.chunks_exact(BLOCK).map(Block::of).collect()
}

impl Block {
    fn of(errors: &[[f32; 2]]) -> Self {
        let mut block = Self { rms: 0.0, peak: 0.0, sharp: 0.0 };
        for channel in 0..2 {
            let squares: f32 = errors.iter().map(|error| error[channel].powi(2)).sum();
            block.rms = block.rms.max((squares / errors.len() as f32).sqrt());
            block.peak = errors.iter().map(|error| error[channel].abs()).fold(block.peak, f32::max);
            let second =
                errors.windows(3).map(|e| (e[0][channel] - 2.0 * e[1][channel] + e[2][channel]).abs());
            block.sharp = second.fold(block.sharp, f32::max);
        }
        block
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::LazyLock;

    const SECONDS: u32 = 20;
    /// In the tones, the sweep, the noise and the clicks.
    const JOINS: [usize; 4] = [96_000, 300_032, 600_064, 850_944];

    /// The test sound, and the same after an encoder that adds an error of its own.
    static SOUNDS: LazyLock<Reference> = LazyLock::new(|| {
        let mut bytes = Vec::new();
        write_test_sound(&mut bytes, 48_000, SECONDS).expect("written");
        let value = |low: u8, high: u8| f32::from(i16::from_le_bytes([low, high])) / 32_768.0;
        let source: Pcm = bytes.chunks_exact(4).map(|b| [value(b[0], b[1]), value(b[2], b[3])]).collect();
        let mut random = Random::new(3);
        let mut coded = |sample: &[f32; 2]| {
            let level = 0.001 + 0.05 * sample[0].abs().min(0.3);
            sample.map(|value| value + level * random.signed() as f32)
        };
        let one = source.iter().map(&mut coded).collect();
        Reference::new(source, one).expect("it is near")
    });

    fn problems(change: impl Fn(&mut Pcm, usize)) -> Vec<usize> {
        let heard = |join: usize| {
            let mut joined = SOUNDS.one.clone();
            change(&mut joined, join);
            !SOUNDS.compare(&joined, &[join]).1.is_empty()
        };
        JOINS.into_iter().filter(|join| heard(*join)).collect()
    }

    #[test]
    fn the_same_sound_and_another_encoding_of_it_pass() {
        assert!(problems(|_, _| ()).is_empty());
        let again = problems(|joined, join| {
            let mut random = Random::new(11);
            joined[join..].iter_mut().flatten().for_each(|value| *value += 0.0004 * random.signed() as f32);
        });
        assert!(again.is_empty(), "{again:?}");
    }

    #[test]
    fn a_missing_and_a_doubled_sample_are_heard_in_every_sound() {
        let missing = problems(|joined, join| {
            joined.remove(join);
            joined.push([0.0; 2]);
        });
        assert_eq!(missing, JOINS);
        let doubled = problems(|joined, join| {
            let twice = joined[join];
            joined.insert(join, twice);
            joined.pop();
        });
        assert_eq!(doubled, JOINS);
    }

    #[test]
    fn a_click_and_a_dropout_are_heard_in_every_sound() {
        let click = problems(|joined, join| joined[join + 700][1] += 0.1);
        assert_eq!(click, JOINS);
        // Half a frame faded in from nothing, as an encoder without a lead begins.
        let dropout = problems(|joined, join| {
            let faded = joined[join..join + 512].iter_mut().enumerate();
            faded.for_each(|(n, sample)| *sample = sample.map(|value| value * n as f32 / 512.0));
        });
        assert_eq!(dropout, JOINS);
    }
}
