//! What becomes of loudness: every channel of every layout is driven alone, and heard in left and right by as much as it
//! should be.

#[allow(dead_code, reason = "each crate of tests uses a part of it")]
mod support;

use std::f64::consts::FRAC_1_SQRT_2;
use std::sync::Arc;

use support::{Film, ffmpeg, film, folder, head, sound};

const RATE: f64 = 48_000.0;
const HERTZ: f64 = 1000.0;
const AMPLITUDE: f64 = 0.25;
/// So long is each channel heard, one after the other.
const TURN: f64 = 0.5;

/// Gains in left and right. Behind each the decibels of what is added to the front, and 3 dB for all of it.
type Gains = [f64; 2];
const L: Gains = [FRAC_1_SQRT_2, 0.0];
const R: Gains = [0.0, FRAC_1_SQRT_2];
const C: Gains = [0.5, 0.5];
const LFE: Gains = [0.0, 0.0];
const LS: Gains = [0.5, 0.0];
const RS: Gains = [0.0, 0.5];
/// One behind.
const S: Gains = [FRAC_1_SQRT_2 / 2.0, FRAC_1_SQRT_2 / 2.0];
/// Of four.
const L4: Gains = [FRAC_1_SQRT_2 / 2.0, 0.0];
const R4: Gains = [0.0, FRAC_1_SQRT_2 / 2.0];

/// A layout as FFmpeg calls it, and what is to become of its channels.
const MONO: (&str, &[Gains]) = ("mono", &[[1.0, 1.0]]);
const STEREO: (&str, &[Gains]) = ("stereo", &[[1.0, 0.0], [0.0, 1.0]]);
const BASS: (&str, &[Gains]) = ("2.1", &[[1.0, 0.0], [0.0, 1.0], LFE]);
const THREE: (&str, &[Gains]) = ("3.0", &[L, R, C]);
const BEHIND: (&str, &[Gains]) = ("4.0", &[L, R, C, S]);
const QUAD: (&str, &[Gains]) = ("quad", &[L, R, LS, RS]);
const FIVE: (&str, &[Gains]) = ("5.0", &[L, R, C, LS, RS]);
const FIVE_SIDE: (&str, &[Gains]) = ("5.0(side)", &[L, R, C, LS, RS]);
const SURROUND: (&str, &[Gains]) = ("5.1", &[L, R, C, LFE, LS, RS]);
const SURROUND_SIDE: (&str, &[Gains]) = ("5.1(side)", &[L, R, C, LFE, LS, RS]);
const SIX: (&str, &[Gains]) = ("6.1", &[L, R, C, LFE, S, LS, RS]);
const SEVEN: (&str, &[Gains]) = ("7.1", &[L, R, C, LFE, L4, R4, L4, R4]);

/// A film of sound alone that drives one channel after the other.
fn turns(codec: &str, layout: &str, channels: usize) -> Arc<Film> {
    let channel = |n: usize| {
        let (from, to) = (n as f64 * TURN, (n + 1) as f64 * TURN);
        format!("{AMPLITUDE}*sin(2*PI*{HERTZ}*t)*gte(t\\,{from})*lt(t\\,{to})")
    };
    let all: Vec<String> = (0..channels).map(channel).collect();
    let seconds = channels as f64 * TURN + 1.0;
    let options = match codec {
        "libopus" => "libopus -mapping_family 1 -b:a 512k -application audio",
        "ac3" | "eac3" | "aac" => &format!("{codec} -b:a 640k"),
        "dca" => "dca -strict -2 -b:a 1509k",
        other => other,
    };
    let name: &'static str =
        Box::leak(format!("{codec}-{layout}.mka").replace(['(', ')'], "_").into_boxed_str());
    film(
        name,
        &format!("-f lavfi -i 'aevalsrc={}:c={layout}:s=48000:d={seconds}' -c:a {options}", all.join("|")),
    )
}

/// Amplitude of one frequency in a stretch of samples.
fn amplitude(heard: &[f32], hertz: f64) -> f64 {
    let (mut sine, mut cosine) = (0.0, 0.0);
    for (n, value) in heard.iter().enumerate() {
        let angle = std::f64::consts::TAU * hertz * n as f64 / RATE;
        sine += f64::from(*value) * angle.sin();
        cosine += f64::from(*value) * angle.cos();
    }
    sine.hypot(cosine) * 2.0 / heard.len() as f64
}

fn decibels(ratio: f64) -> f64 {
    20.0 * ratio.max(1e-6).log10()
}

/// The inner half of a stretch that begins at this second.
fn stretch(heard: &[f32], from: f64, seconds: f64) -> &[f32] {
    let at = |second: f64| (second * RATE) as usize;
    &heard[at(from + seconds / 4.0)..at(from + seconds * 3.0 / 4.0)]
}

fn heard(film: &Arc<Film>) -> Vec<Vec<f32>> {
    let made = head(film, "a0aac", 0).unwrap_or_else(|error| panic!("{}: {error}", film.path.display()));
    let (heard, complaints) = sound(made.movie(&made.fragments).path(), 2);
    assert!(complaints.is_empty(), "{complaints}");
    heard
}

/// What may be off in decibels, of sound that is coded without loss and with it.
const LOSSLESS: f64 = 0.1;
const LOSSY: f64 = 0.4;
/// What is not to be heard is at least this far below what is.
const SILENT: f64 = -45.0;

fn gains_of(codec: &str, (layout, expected): (&str, &[Gains]), limit: f64) {
    let film = turns(codec, layout, expected.len());
    let heard = heard(&film);
    let mut told = Vec::new();
    let mut right = true;
    for (n, expected) in expected.iter().enumerate() {
        let gains =
            [0, 1].map(|side| amplitude(stretch(&heard[side], n as f64 * TURN, TURN), HERTZ) / AMPLITUDE);
        told.push(gains.map(|gain| format!("{:.2}", decibels(gain))).join("/"));
        for (found, expected) in gains.into_iter().zip(expected) {
            let off = decibels(found) - decibels(*expected);
            right &= if *expected == 0.0 { decibels(found) < SILENT } else { off.abs() < limit };
        }
    }
    println!("{codec} {layout}, left/right in dB: {}", told.join(" "));
    assert!(right, "{codec} {layout}: {told:?}, not {expected:.3?}");
}

#[test]
fn mono_is_as_loud_on_each_side_as_it_was_and_stereo_is_stereo() {
    const EXACT: f64 = 0.05;
    gains_of("flac", MONO, EXACT);
    gains_of("flac", STEREO, EXACT);
    gains_of("pcm_s16le", MONO, EXACT);
    gains_of("pcm_s24le", STEREO, EXACT);
    gains_of("ac3", MONO, LOSSY);
    gains_of("ac3", STEREO, LOSSY);
}

#[test]
fn every_channel_of_flac_is_heard_where_it_belongs_and_as_loud() {
    // GStreamer's decoder has the channels of 6.1 and 7.1 in other places than FLAC has them.
    [THREE, QUAD, FIVE, SURROUND].into_iter().for_each(|layout| gains_of("flac", layout, LOSSLESS));
}

#[test]
fn every_channel_of_ac3_is_heard_where_it_belongs_and_as_loud() {
    for layout in [BASS, THREE, BEHIND, QUAD, FIVE_SIDE, SURROUND_SIDE] {
        gains_of("ac3", layout, LOSSY);
    }
    gains_of("eac3", SURROUND_SIDE, LOSSY);
    gains_of("eac3", FIVE_SIDE, LOSSY);
}

#[test]
fn every_channel_of_dts_is_heard_where_it_belongs_and_as_loud() {
    gains_of("dca", SURROUND_SIDE, LOSSY);
    gains_of("dca", FIVE_SIDE, LOSSY);
}

#[test]
fn every_channel_of_aac_is_heard_where_it_belongs_and_as_loud() {
    [THREE, BEHIND, FIVE, SURROUND, SEVEN].into_iter().for_each(|layout| gains_of("aac", layout, LOSSY));
}

#[test]
fn every_channel_of_opus_is_heard_where_it_belongs_and_as_loud() {
    [SURROUND, SIX, SEVEN, FIVE].into_iter().for_each(|layout| gains_of("libopus", layout, LOSSY));
}

#[test]
fn channels_that_nobody_gave_places_are_heard_in_the_usual_ones() {
    gains_of("pcm_s16le", QUAD, LOSSLESS);
    gains_of("pcm_s16le", SURROUND, LOSSLESS);
}

/// All channels at once, so loud that a little more would clip.
#[test]
fn what_is_loud_on_all_channels_clips_where_it_is_said_to_and_not_before() {
    for (name, decibels_below, clips) in [("below.mka", 4.8, false), ("above.mka", 1.0, true)] {
        let level = 10f64.powf(-decibels_below / 20.0);
        let channel = format!("{level}*sin(2*PI*{HERTZ}*t)");
        let all = [channel.as_str(); 6].join("|");
        let film = film(name, &format!("-f lavfi -i 'aevalsrc={all}:c=5.1:s=48000:d=2' -c:a flac"));
        let heard = heard(&film);
        let middle = stretch(&heard[0], 0.0, 2.0);
        let (tone, third) = (amplitude(middle, HERTZ), amplitude(middle, 3.0 * HERTZ));
        println!("{name}: {:.2} dB, third harmonic {:.1} dB below", decibels(tone), decibels(tone / third));
        assert_eq!(decibels(third / tone) > -50.0, clips, "{name}");
        assert!(clips || (tone - level * 1.7071).abs() < 0.01, "{name}: {tone}");
    }
}

/// As broadcasts do between a film and what comes before it.
#[test]
fn sound_that_changes_from_surround_to_stereo_goes_on() {
    let part = |name: &str, channels: &str, layout: &str| {
        let made = ffmpeg(&format!(
            "-f lavfi -i 'aevalsrc={channels}:c={layout}:s=48000:d=2' -c:a ac3 -b:a 448k {name}"
        ));
        assert!(made.status.success(), "{made:?}");
        std::fs::read(folder().join(name)).expect("made")
    };
    let tone = format!("{AMPLITUDE}*sin(2*PI*{HERTZ}*t)");
    let mut both = part("film.ac3", &format!("0|0|{tone}|0|0|0"), "5.1(side)");
    both.extend(part("news.ac3", &format!("{tone}|0"), "stereo"));
    std::fs::write(folder().join("both.ac3"), both).expect("written");
    let film = film("both.ts", "-f ac3 -i both.ac3 -c copy");
    let heard = heard(&film);
    for (side, from, expected) in [(0, 0.0, 0.5), (1, 0.0, 0.5), (0, 2.0, 1.0), (1, 2.0, 0.0)] {
        let gain = amplitude(stretch(&heard[side], from, 2.0), HERTZ) / AMPLITUDE;
        assert!((gain - expected).abs() < 0.02, "side {side} from {from} s: {gain:.3}, not {expected}");
    }
}
