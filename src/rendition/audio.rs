//! Audio renditions: per track the copy where CMAF carries it, and AAC stereo for every player.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::label::labels;
use super::plan::PlanSettings;
use super::presentation::Grid;
use super::presentation::{AudioForm, Bandwidth, Rendition, RenditionMedia};
use super::version::rendition_id;
use crate::isobmff::{AudioCodec, AudioEntry, SampleEntry};
use crate::media::{AudioTrack, MediaInfo};
use crate::timeline::audio::Lattice;
use crate::timeline::{CutList, Nanos, ticks_from_nanos};

/// Samples of one AAC-LC frame.
const AAC_SAMPLES: u32 = 1024;
/// Channels of what is encoded, whatever it is encoded from ([`super::stereo_mix`]).
const STEREO: u8 = 2;
/// Bytes that `moof` boxes add per second, as bits: three fragments of some 200 bytes.
const OVERHEAD_BPS: u32 = 6_000;
/// Timestamps of containers that count milliseconds are off by as much.
const CLOCK_ROUNDING_NS: Nanos = 1_600_000;
/// What a copy of unknown rate is announced with.
const UNKNOWN_BPS: u32 = 256_000;

/// Codecs that go into CMAF as they are.
const CARRIED: [&str; 5] = ["aac", "opus", "ac3", "eac3", "flac"];

pub fn renditions(
    info: &MediaInfo,
    grid: &Grid,
    settings: &PlanSettings<'_>,
    reasons: &mut BTreeMap<String, String>,
) -> Vec<Arc<Rendition>> {
    let labels = labels(info.audio.iter().map(|track| track.facts.names()));
    let mut all = Vec::new();
    for (number, track) in info.audio.iter().enumerate() {
        let common = |codec: &str, channels, sample_rate, samples_per_frame, kbps| AudioForm {
            codec: codec.to_owned(),
            channels,
            objects: codec == track.codec && track.objects,
            sample_rate,
            samples_per_frame,
            language: track.facts.language.clone(),
            label: labels[number].clone(),
            disposition: track.facts.disposition,
            kbps,
        };
        let copied = copy(number, track, grid, settings, &common);
        let plays_everywhere = copied.is_some() && track.codec == "aac" && track.channels <= 2;
        let how = if copied.is_some() { "goes into CMAF as it is" } else { "is encoded" };
        reasons.insert(format!("a{number}"), format!("{} {how}", track.codec));
        all.extend(copied.map(Arc::new));
        if plays_everywhere {
            continue;
        }
        if (settings.decodes)(&track.codec) {
            all.push(Arc::new(encoded(number, track, grid, settings, &common)));
        } else {
            reasons.insert(format!("a{number}-encoded"), format!("no profile decodes {}", track.codec));
        }
    }
    all
}

type Common<'a> = &'a dyn Fn(&str, u8, u32, u32, u32) -> AudioForm;

fn copy(
    number: usize,
    track: &AudioTrack,
    grid: &Grid,
    settings: &PlanSettings<'_>,
    common: Common<'_>,
) -> Option<Rendition> {
    let lattice = lattice(track)?;
    if !CARRIED.contains(&track.codec.as_str()) || track.codec_config.is_empty() {
        return None;
    }
    let codec_string = track.codec_string.clone()?;
    let before_origin = (-lattice.phase).max(0);
    let first = lattice.phase + (before_origin + lattice.samples - 1) / lattice.samples * lattice.samples;
    // A clock that rounds up must not make one frame more of it.
    let end_ns = track.facts.end_ns - CLOCK_ROUNDING_NS;
    let cuts = CutList::audio(&grid.cuts, track.sample_rate, track.samples_per_frame, first, end_ns);
    let fragments = grid.fragments.sound(grid.cuts.timescale, track.sample_rate, track.samples_per_frame);
    let average = if track.bitrate > 0 { track.bitrate } else { UNKNOWN_BPS } + OVERHEAD_BPS;
    let form = common(&track.codec, track.channels, track.sample_rate, track.samples_per_frame, 0);
    let media = RenditionMedia::Audio(form);
    let id = rendition_id(&format!("a{number}copy"), settings.content_version, &media, &cuts, fragments);
    let bandwidth = Bandwidth { peak: average + average / 4, average };
    Some(Rendition {
        id,
        track: number,
        copied: true,
        burnt: None,
        cuts: Arc::new(cuts),
        keyframes: Vec::new(),
        fragments,
        bandwidth,
        codec_string,
        media,
    })
}

fn encoded(
    number: usize,
    track: &AudioTrack,
    grid: &Grid,
    settings: &PlanSettings<'_>,
    common: Common<'_>,
) -> Rendition {
    let sample_rate = encoded_rate(track.sample_rate);
    let kbps = settings.audio_bps / 1000;
    let cuts = CutList::audio(&grid.cuts, sample_rate, AAC_SAMPLES, 0, track.facts.end_ns);
    let fragments = grid.fragments.sound(grid.cuts.timescale, sample_rate, AAC_SAMPLES);
    let media = RenditionMedia::Audio(common("aac", STEREO, sample_rate, AAC_SAMPLES, kbps));
    let id = rendition_id(&format!("a{number}aac"), settings.content_version, &media, &cuts, fragments);
    let average = settings.audio_bps + OVERHEAD_BPS;
    Rendition {
        id,
        track: number,
        copied: false,
        burnt: None,
        cuts: Arc::new(cuts),
        keyframes: Vec::new(),
        fragments,
        bandwidth: Bandwidth { peak: average + average / 10, average },
        codec_string: "mp4a.40.2".into(),
        media,
    }
}

/// The frame of the lattice nearest to the track's start, in samples from the origin.
fn first_frame(track: &AudioTrack) -> i64 {
    let ticks = |nanos| ticks_from_nanos(nanos, track.sample_rate);
    let lattice = Lattice { phase: ticks(track.frame_phase_ns), samples: i64::from(track.samples_per_frame) };
    let start = ticks(track.facts.start_ns);
    let nearest = lattice.snap(start);
    // Container clocks round: a track that starts within that of the lattice starts on it.
    if (nearest - start).abs() <= ticks(CLOCK_ROUNDING_NS) { start } else { nearest }
}

/// Frames of a source track on its own clock; `None` where they have no fixed length.
pub fn lattice(track: &AudioTrack) -> Option<Lattice> {
    (track.samples_per_frame > 0)
        .then(|| Lattice { phase: first_frame(track), samples: i64::from(track.samples_per_frame) })
}

/// The source's own rate where AAC has it and players know it: nothing is resampled without need.
fn encoded_rate(source: u32) -> u32 {
    match source {
        32_000 | 44_100 | 48_000 => source,
        88_200 | 176_400 | 22_050 | 11_025 => 44_100,
        _ => 48_000,
    }
}

/// The sample entry of an audio rendition, with its configuration.
pub fn audio_entry(track: &AudioTrack, rendition: &Rendition, form: &AudioForm) -> SampleEntry {
    let config = if rendition.copied { track.codec_config.clone() } else { aac_lc_config(form) };
    SampleEntry::Audio(AudioEntry {
        codec: match form.codec.as_str() {
            "opus" => AudioCodec::Opus(config),
            "ac3" => AudioCodec::Ac3(config),
            "eac3" => AudioCodec::Eac3(config),
            "flac" => AudioCodec::Flac(config),
            _ => AudioCodec::Aac(config),
        },
        channels: u16::from(form.channels),
        sample_rate: form.sample_rate,
    })
}

/// AudioSpecificConfig of AAC-LC (ISO/IEC 14496-3 section 1.6.2.1): object type 2, rate index, channels.
pub(super) fn aac_lc_config(form: &AudioForm) -> Vec<u8> {
    const RATES: [u32; 13] = [
        96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025, 8_000, 7_350,
    ];
    let index = RATES.iter().position(|rate| *rate == form.sample_rate).unwrap_or(3) as u16;
    let bits = 2 << 11 | index << 7 | u16::from(form.channels) << 3;
    bits.to_be_bytes().to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::Disposition;

    #[test]
    fn an_aac_configuration_says_rate_and_channels() {
        let form = |sample_rate, channels| AudioForm {
            codec: "aac".into(),
            channels,
            objects: false,
            sample_rate,
            samples_per_frame: AAC_SAMPLES,
            language: None,
            label: String::new(),
            disposition: Disposition::default(),
            kbps: 128,
        };
        assert_eq!(aac_lc_config(&form(48_000, 2)), [0x11, 0x90]);
        assert_eq!(aac_lc_config(&form(44_100, 1)), [0x12, 0x08]);
    }
}
